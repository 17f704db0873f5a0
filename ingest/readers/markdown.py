"""Markdown with tables and front matter."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.readers.builder import DocumentBuilder, clean, join_lines
from ingest.readers.html import add_html
from ingest.readers.text import read_plain
from rag.types import Document

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[^\S\n]*\n(.*?)^(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.S | re.M)
_FOOTNOTE = re.compile(r"^( {0,3}\[\^[^\]\n]+\]):", re.MULTILINE)
_TITLE = re.compile(r"^title\s*:\s*(.+?)\s*$", re.MULTILINE)


def read_markdown(path: Path) -> Document:
    """Read Markdown; the title is the front matter's, else the first top heading."""
    source = clean(read_plain(path))
    builder = DocumentBuilder()
    title = ""
    if front := _FRONT_MATTER.match(source):
        source = source[front.end() :]
        if found := _TITLE.search(front[1]):
            title = found[1].strip("'\"")
        builder.add_record("front matter", _TITLE.sub("", front[1]))
    add_markdown(builder, source)
    return builder.build(title or first_heading(source) or path.stem)


def add_markdown(builder: DocumentBuilder, source: str) -> None:
    """Add the blocks of a Markdown text."""
    _Walker(builder).walk(_parse(source))


def first_heading(source: str) -> str:
    """The text's first top heading, or ""."""
    for token, following in pairwise(_parse(source)):
        if token.type == "heading_open" and token.tag == "h1":
            return _inline_text(following)
    return ""


def _parse(source: str) -> list[Token]:
    from markdown_it import MarkdownIt

    # CommonMark takes `[^1]: word` for the address of a link and drops it.
    source = _FOOTNOTE.sub(r"\1\\:", source)
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)


def _inline_text(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n" if child.type == "softbreak" else "\x00")
        elif child.type in ("text", "code_inline", "image", "text_special"):
            parts.append(child.content)
        elif child.type == "html_inline" and re.match(r"<br\b", child.content, re.IGNORECASE):
            parts.append("\x00")
    return "\n".join(join_lines(part.split("\n")) for part in "".join(parts).split("\x00"))


class _Walker:
    """Turns the flat token stream into blocks."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._counters: list[int | None] = []  # of the open lists; None for bullets
        self._marker = ""
        self._heading_level = 0
        self._rows: list[list[str]] | None = None

    def walk(self, tokens: list[Token]) -> None:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self._heading_level = int(token.tag[1])
                case "bullet_list_open":
                    self._counters.append(None)
                case "ordered_list_open":
                    self._counters.append(int(token.attrs.get("start", 1)))
                case "bullet_list_close" | "ordered_list_close":
                    self._counters.pop()
                case "list_item_open":
                    self._open_item()
                case "list_item_close":
                    self._marker = ""
                case "table_open":
                    self._rows = []
                case "tr_open" if self._rows is not None:
                    self._rows.append([])
                case "table_close":
                    self._builder.add_table(self._rows or [])
                    self._rows = None
                case "fence" | "code_block":
                    self._builder.add_code(token.content)
                case "html_block":
                    add_html(self._builder, token.content.encode())
                case "inline":
                    self._add_inline(_inline_text(token))

    def _open_item(self) -> None:
        counter = self._counters[-1]
        self._marker = "-" if counter is None else f"{counter}."
        if counter is not None:
            self._counters[-1] = counter + 1

    def _add_inline(self, text: str) -> None:
        if self._rows is not None:
            self._rows[-1].append(text)
        elif self._heading_level:
            self._builder.add_heading(self._heading_level, text)
            self._heading_level = 0
        elif self._marker:
            self._builder.add_list_item(text, self._marker)
            self._marker = ""
        else:
            self._builder.add_paragraph(text)
