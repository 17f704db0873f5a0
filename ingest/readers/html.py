"""HTML: a walk over the tree that keeps headings, paragraphs, lists, tables and code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder, join_lines
from ingest.readers.encoding import decode
from ingest.readers.formulas import formula_text
from ingest.readers.html_hidden import HIDDEN_STYLE, drop_hidden
from ingest.readers.text import add_paragraphs
from ingest.readers.xml_tree import check_size
from rag.types import Document

_SKIPPED = frozenset(
    re.findall(
        r"\w+", "del head script style nav noscript template svg iframe object select textarea rp"
    )
)
_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym b bdi bdo big cite code data dfn em font i img ins kbd label mark "
        "q rb rt ruby s samp small span strike strong sub sup time tt u var wbr",
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_BYTES = 4_096
_FURNITURE = frozenset({"navigation", "search", "contentinfo", "dialog", "menu", "menubar"})
_FURNITURE_SHARE = 0.5  # of the page's characters
_MAIN_SHARE = 0.3  # of the page's characters, scripts included
_MAX_SPAN = 1_000
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_BREAK = "\x00"  # stands for <br> until white space is collapsed


def read_html(path: Path) -> Document:
    """Read an HTML page."""
    builder = DocumentBuilder()
    title = add_html(builder, path.read_bytes())
    return builder.build(title or path.stem)


def add_html(builder: DocumentBuilder, data: bytes) -> str:
    """Add a page's blocks to `builder` and return its title, or ""."""
    from lxml import etree, html

    # lxml reads our own UTF-8: libxml2 fails on GBK pages that call themselves GB 2312.
    check_size(data)
    source = re.sub(r"^\s*<\?xml[^>]*\?>", "", _decode_html(data).replace("\x00", ""))
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True)
    root = etree.fromstring(f"<html>{source}".encode("utf-8", "replace"), parser=parser)
    if root is None:
        return ""
    if any("depth" in entry.message for entry in parser.error_log):
        add_paragraphs(builder, _TAG.sub("\n\n", source))  # nested past what libxml2 reads
        return ""
    if count := drop_hidden(root):
        builder.add_note(f"{count} characters that its styles hide from readers were left out")
    _drop_furniture(root)
    _Walker(builder).walk_all(_content(root))
    return _flatten(root.findtext(".//title") or "")


def _decode_html(data: bytes) -> str:
    declared = _CHARSET.search(data[:_CHARSET_BYTES])
    return decode(data, declared[1].decode("ascii", "ignore") if declared else "")


def _flatten(text: str) -> str:
    """Collapse white space as a browser does, and keep the <br> breaks."""
    return "\n".join(join_lines(part.split("\n")) for part in text.split(_BREAK)).strip()


def _content(root: Any) -> Any:
    """The page's main part, where it marks one that holds a fair share of the text."""
    marked = root.xpath("//main | //*[@role='main']")
    if len(marked) == 1 and len(marked[0].text_content()) >= _MAIN_SHARE * len(root.text_content()):
        return marked[0]
    return root


def _drop_furniture(root: Any) -> None:
    """Take menus and the like out of the page, unless it is made of them."""
    from lxml import etree

    parts = {part for part in root.iter(etree.Element) if part.get("role") in _FURNITURE}
    outer = [part for part in parts if not any(above in parts for above in part.iterancestors())]
    length = sum(len(part.text_content()) for part in outer)
    if length <= _FURNITURE_SHARE * len(root.text_content()):
        for part in outer:
            part.drop_tree()


def is_shown(element: Any) -> bool:
    """Whether a reader of the page sees the element, as far as it says so itself."""
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return False
    style = element.get("style")
    return style is None or not HIDDEN_STYLE.search(style)


class _Walker:
    """Gathers inline text and turns it into a block wherever a block element starts or ends."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._marker = ""  # of the list item that the next text begins
        self._numbers: dict[Any, int] = {}  # of the last item, by ordered list
        self._terms: list[str] = []  # of a definition list, not defined yet

    def walk_all(self, root: Any) -> None:
        """Walk the tree without recursion: pages may be nested thousands deep."""
        pending: list[Any] = [root]
        while pending:
            item = pending.pop()
            if callable(item):
                item()
            elif isinstance(item, str):
                self._inline.append(item)
            else:
                pending += self._enter(item, is_root=item is root)
        self._flush()

    def _enter(self, element: Any, is_root: bool) -> list[Any]:
        """What is still to do for an element, the first of it last."""
        to_do: list[Any] = [] if is_root or not element.tail else [element.tail]
        tag = element.tag.lower() if isinstance(element.tag, str) else ""
        if not tag or tag in _SKIPPED or not (is_root or is_shown(element)):
            return to_do
        if tag == "br":
            self._inline.append(_BREAK)
        elif tag == "math":
            self._inline.append(f" {formula_text(element)} ")
        elif tag in _INLINE:
            to_do += _content_of(element)
        else:
            self._flush()
            to_do += [self._flush, *self._enter_block(element, tag)]
        return to_do

    def _enter_block(self, element: Any, tag: str) -> list[Any]:
        if tag in _HEADINGS:
            text = _flatten(_shown_text(element)).rstrip("¶# ")
            self._builder.add_heading(_HEADINGS[tag], text)
            return []
        if tag == "pre":
            self._builder.add_code(element.text_content())
            return []
        if tag == "table" and element.find(".//table") is None:
            self._add_table(element)
            return []
        if tag == "dt":
            self._terms.append(_flatten(_shown_text(element)).replace("\n", " "))
            return []
        if tag in ("li", "dd"):
            self._marker = self._count_item(element) if tag == "li" else self._take_terms()
            return [self._end_item, *_content_of(element)]
        if tag == "dl":
            return [self._end_terms, *_content_of(element)]
        return _content_of(element)

    def _count_item(self, item: Any) -> str:
        """The item's bullet or number."""
        parent = item.getparent()
        if parent is None or parent.tag != "ol":
            return "-"
        start = parent.get("start", "1")
        first = int(start) if start.isdecimal() and len(start) < 10 else 1
        self._numbers[parent] = self._numbers.get(parent, first - 1) + 1
        return f"{self._numbers[parent]}."

    def _end_item(self) -> None:
        self._flush()
        self._marker = ""

    def _take_terms(self) -> str:
        """The marker of a definition, what it defines."""
        terms, self._terms = ", ".join(filter(None, self._terms)), []
        return f"- {terms}:" if terms else "-"

    def _end_terms(self) -> None:
        self._flush()
        for term in self._terms:  # terms without a definition
            self._builder.add_list_item(term)
        self._terms = []

    def _add_table(self, table: Any) -> None:
        caption = table.find("caption")
        if caption is not None:
            self._builder.add_paragraph(_flatten(_shown_text(caption)))
        self._builder.add_table(_table_rows(table))

    def _flush(self) -> None:
        text = _flatten("".join(self._inline))
        self._inline.clear()
        if text and self._marker:
            self._builder.add_list_item(text, self._marker)
            self._marker = ""
        elif text:
            self._builder.add_paragraph(text)


def _content_of(element: Any) -> list[Any]:
    """An element's children and its own text, the first last."""
    return [*reversed(element), *([element.text] if element.text else [])]


def _shown_text(element: Any) -> str:
    """The text of an element on one line, parts of it that are blocks parted by spaces."""
    parts: list[str] = []
    pending: list[Any] = _content_of(element)
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        if item.tail:
            pending.append(item.tail)
        tag = item.tag.lower() if isinstance(item.tag, str) else ""
        if not tag or tag in _SKIPPED or not is_shown(item):
            continue
        if tag == "math":
            parts.append(f" {formula_text(item)} ")
        elif tag in _INLINE:
            pending += _content_of(item)
        else:
            pending += [" ", *_content_of(item), " "]
    return "".join(parts)


def _table_rows(table: Any) -> list[list[str]]:
    """The cells; one that spans rows is repeated in each, one that spans columns is not."""
    rows: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}  # column -> rows still to come, the text
    for row in table.iter("tr"):
        if not is_shown(row):
            continue
        texts: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _fill_held(texts, held)
            text = _flatten(_shown_text(cell)).replace("\n", " ")
            rows_more, columns = _span(cell, "rowspan") - 1, _span(cell, "colspan")
            for offset in range(columns):
                if rows_more:
                    held[len(texts)] = rows_more, text if offset == 0 else ""
                texts.append(text if offset == 0 else "")
        _fill_held(texts, held)
        rows.append(texts)
    return rows


def _fill_held(texts: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(texts) in held:
        column = len(texts)
        left, text = held.pop(column)
        if left > 1:
            held[column] = left - 1, text
        texts.append(text)


def _span(cell: Any, name: str) -> int:
    span = cell.get(name, "1")
    return max(1, min(int(span), _MAX_SPAN)) if span.isdecimal() and len(span) < 6 else 1
