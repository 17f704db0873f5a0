"""Source code and configuration: code blocks that begin at top-level definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.readers.builder import DocumentBuilder, clean
from ingest.readers.text import read_plain
from rag.types import Document

_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|final|sealed|async|"
    r"unsafe|extern|inline|open|data|partial|const|pub(?:\([^)]*\))?|local|override)\s+)*"
)
_KEYWORDS = (
    r"(?:def|class|function|func|fn|sub|struct|enum|union|interface|trait|impl|module|namespace|"
    r"object|protocol|extension|record|message|service|macro_rules!|defmodule|proc)"
)
# A definition that begins a line: by keyword, SQL's CREATE, a shell or C-like function, a section.
_DEFINITIONS = tuple(
    re.compile(pattern, re.IGNORECASE if "create" in pattern else 0)
    for pattern in (
        rf"{_MODIFIERS}{_KEYWORDS}\b[\s*]*(?:\([^)]*\)\s*)?(?:<[^>]*>\s*)?([\w$.:!?-]+)",
        r"create\s+(?:or\s+replace\s+)?(?:\w+\s+)*?"
        r"(?:table|view|function|procedure|trigger|index|type)\s+(?:if\s+not\s+exists\s+)?"
        r"([\w.\"`\[\]]+)",
        r"([\w-]+)\s*\(\)\s*\{",
        r"(?!return\b|else\b|if\b|for\b|while\b|switch\b)[A-Za-z_][\w\s*&:<>,~]*?[\s*&]"
        r"([A-Za-z_~][\w:~]*)\s*\([^;={}]*\)?\s*\{?\s*$",
        r"(?:export\s+)?(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:function\b|\(?[\w\s,{}]*\)?"
        r"\s*=>)",
        r"\[([\w.\" -]+)\]\s*$",
    )
)
_LEADING = re.compile(r"\s*(?:@|#\[|#(?!!)|//|/\*|\*|--|;|\"\"\")")


def read_source(path: Path) -> Document:
    """Read code; the heading path of a block is the definition that it begins with."""
    builder = DocumentBuilder()
    for name, text in split_definitions(clean(read_plain(path))):
        builder.add_code(text, place=name)
    return builder.build(path.name)


def split_definitions(source: str) -> Iterator[tuple[str, str]]:
    """(name, text) parts that joined are the source; what stands before the first has no name."""
    lines = source.splitlines(keepends=True)
    starts = [(number, name) for number, line in enumerate(lines) if (name := _defined(line))]
    previous, title = 0, ""
    for number, name in starts:
        while number > previous and _LEADING.match(lines[number - 1]):
            number -= 1  # its comments and decorators stand above it
        if number > previous:
            yield title, "".join(lines[previous:number])
        previous, title = number, name
    yield title, "".join(lines[previous:])


def _defined(line: str) -> str:
    if not line[:1].strip() or len(line) > 500:
        return ""
    for pattern in _DEFINITIONS:
        if found := pattern.match(line):
            return found[1].strip('"`:')
    return ""
