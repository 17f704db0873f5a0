"""HTML: a walk over the tree that keeps headings, paragraphs, lists, tables and code."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder, join_lines
from ingest.readers.text import decode
from rag.types import Document

_SKIPPED = frozenset(
    re.findall(
        r"\w+", "head script style nav noscript template svg iframe object select textarea rp"
    )
)
_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math "
        "q rb rt ruby s samp small span strike strong sub sup time tt u var wbr",
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_BYTES = 4_096
_BREAK = "\x00"  # stands for <br> until white space is collapsed


def read_html(path: Path) -> Document:
    """Read an HTML page."""
    builder = DocumentBuilder()
    title = add_html(builder, path.read_bytes())
    return builder.build(title or path.stem)


def add_html(builder: DocumentBuilder, data: bytes) -> str:
    """Add a page's blocks to `builder` and return its title, or ""."""
    from lxml import html

    # lxml reads our own UTF-8: libxml2 fails on GBK pages that call themselves GB 2312.
    source = re.sub(r"^\s*<\?xml[^>]*\?>", "", _decode_html(data).lstrip("\ufeff"))
    if not source.strip():
        return ""
    parser = html.HTMLParser(encoding="utf-8")
    root = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    _Walker(builder).walk_all(root)
    return _flatten(root.findtext(".//title") or "")


def _decode_html(data: bytes) -> str:
    declared = _CHARSET.search(data[:_CHARSET_BYTES])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name if declared else ""
    except (LookupError, UnicodeDecodeError):
        name = ""
    if name in ("", "utf-8", "utf-16") or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return decode(data)
    return data.decode("gb18030" if name in ("gb2312", "gbk") else name, errors="replace")


def _flatten(text: str) -> str:
    """Collapse white space as a browser does, and keep the <br> breaks."""
    return "\n".join(join_lines(part.split("\n")) for part in text.split(_BREAK)).strip()


class _Walker:
    """Gathers inline text and turns it into a block wherever a block element starts or ends."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._marker = ""  # of the list item that the next text begins

    def walk_all(self, root: Any) -> None:
        self._walk(root)
        self._flush()

    def _walk(self, element: Any) -> None:
        tag = element.tag.lower() if isinstance(element.tag, str) else ""
        if tag and tag not in _SKIPPED and element.get("hidden") is None:
            if tag == "br":
                self._inline.append(_BREAK)
            elif tag in _INLINE:
                self._walk_children(element)
            else:
                self._flush()
                self._walk_block(element, tag)
                self._flush()
        if element.tail:
            self._inline.append(element.tail)

    def _walk_block(self, element: Any, tag: str) -> None:
        if tag in _HEADINGS:
            text = _flatten(element.text_content()).rstrip("¶# ")
            self._builder.add_heading(_HEADINGS[tag], text)
        elif tag == "pre":
            self._builder.add_code(element.text_content())
        elif tag == "table" and element.find(".//table") is None:
            self._add_table(element)
        elif tag == "li":
            self._marker = _list_marker(element)
            self._walk_children(element)
            self._flush()
            self._marker = ""
        else:
            self._walk_children(element)

    def _walk_children(self, element: Any) -> None:
        if element.text:
            self._inline.append(element.text)
        for child in element:
            self._walk(child)

    def _add_table(self, table: Any) -> None:
        caption = table.find("caption")
        if caption is not None:
            self._builder.add_paragraph(_flatten(caption.text_content()))
        self._builder.add_table([_row_cells(row) for row in table.iter("tr")])

    def _flush(self) -> None:
        text = _flatten("".join(self._inline))
        self._inline.clear()
        if text and self._marker:
            self._builder.add_list_item(text, self._marker)
            self._marker = ""
        elif text:
            self._builder.add_paragraph(text)


def _list_marker(item: Any) -> str:
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return "-"
    start = parent.get("start", "1")
    first = int(start) if start.isdecimal() else 1
    return f"{first + len(list(item.itersiblings('li', preceding=True)))}."


def _row_cells(row: Any) -> list[str]:
    cells: list[str] = []
    for cell in row.iterchildren("td", "th"):
        span = cell.get("colspan", "1")
        blanks = min(int(span), 50) - 1 if span.isdecimal() else 0
        # Block elements in a cell are parted by their own white space or by nothing.
        cells += [_flatten(" ".join(cell.itertext())), *[""] * blanks]
    return cells
