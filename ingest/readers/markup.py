"""Headings of plain-text markup: reStructuredText, AsciiDoc, Org and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.readers.builder import DocumentBuilder, clean
from ingest.readers.text import add_paragraphs, read_plain
from rag.types import Document

_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}\s*")
_MARKED = {
    ".adoc": re.compile(r"(={1,6})\s+(\S.*)"),
    ".org": re.compile(r"(\*{1,6})\s+(\S.*)"),
}
_LATEX = re.compile(r"\s*\\(part|chapter|section|subsection|subsubsection|title)\*?\{(.+)\}\s*$")
_LATEX_LEVELS = {"title": 0, "part": 1, "chapter": 2, "section": 3, "subsection": 4}

Heading = tuple[int, str]
Found = tuple[Heading | None, str]  # a heading, or None and a line of text


def read_markup(path: Path) -> Document:
    """Read text whose headings are marked in the way of its suffix; the rest stays as written."""
    lines = clean(read_plain(path)).split("\n")
    builder = DocumentBuilder()
    held: list[str] = []
    title = ""
    for heading, line in _parser(path.suffix.lower())(lines):
        if heading is None:
            held.append(line)
            continue
        add_paragraphs(builder, "\n".join(held))
        held = []
        title = title or heading[1]
        builder.add_heading(*heading)
    add_paragraphs(builder, "\n".join(held))
    return builder.build(title or path.stem)


def _parser(suffix: str) -> Callable[[list[str]], Iterator[Found]]:
    if suffix == ".rst":
        return _restructured
    return _latex if suffix == ".tex" else lambda lines: _marked(lines, _MARKED[suffix])


def _marked(lines: list[str], pattern: re.Pattern[str]) -> Iterator[Found]:
    for line in lines:
        found = pattern.match(line)
        yield ((len(found[1]), found[2]), "") if found else (None, line)


def _latex(lines: list[str]) -> Iterator[Found]:
    for line in lines:
        found = _LATEX.match(line)
        yield ((_LATEX_LEVELS.get(found[1], 5), found[2]), "") if found else (None, line)


def _restructured(lines: list[str]) -> Iterator[Found]:
    """Underlined lines; each kind of underline is a level, in the order in which they appear."""
    kinds: list[tuple[str, bool]] = []
    index = 0
    while index < len(lines):
        is_over = _is_title(lines, index + 1) and lines[index].rstrip() == lines[index + 2].rstrip()
        at = index + 1 if is_over else index
        if not _is_title(lines, at):
            yield None, lines[index]
            index += 1
            continue
        kind = lines[at + 1][0], is_over
        if kind not in kinds:
            kinds.append(kind)
        yield (kinds.index(kind) + 1, lines[at].strip()), ""
        index = at + 2


def _is_title(lines: list[str], at: int) -> bool:
    """Whether a line of text stands here with a line of signs, at least as long, under it."""
    if at + 1 >= len(lines) or not lines[at].strip() or _UNDERLINE.fullmatch(lines[at]):
        return False
    is_underlined = _UNDERLINE.fullmatch(lines[at + 1]) is not None
    is_first = at == 0 or not lines[at - 1].strip() or _UNDERLINE.fullmatch(lines[at - 1])
    return (
        is_underlined and bool(is_first) and len(lines[at + 1].rstrip()) >= len(lines[at].strip())
    )
