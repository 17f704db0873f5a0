"""RTF, through striprtf: paragraphs, and rows of cells as tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from ingest.readers.builder import DocumentBuilder
from rag.errors import ReadError
from rag.types import Document

_MAGIC = b"{\\rtf"
_HIGH = re.compile(rb"[\x80-\xff]")
_TITLE = re.compile(r"\{\\title\s([^{}\\]+)\}")


def read_rtf(path: Path) -> Document:
    """Read an RTF file; its title is the one in its properties."""
    from striprtf import striprtf

    data = path.read_bytes()
    if not data.lstrip().startswith(_MAGIC):
        raise ReadError("damaged", f"{path}: not RTF; give it its true suffix or save it anew")
    # Bytes that should have been escaped are in the code page that the file names.
    source = _HIGH.sub(lambda match: b"\\'%02x" % match[0][0], data).decode("ascii")
    builder = DocumentBuilder()
    to_text: Callable[..., str] = striprtf.rtf_to_text
    add_lines(builder, to_text(source, errors="replace"))
    title = _TITLE.search(source)
    return builder.build((title[1].strip() if title else "") or path.stem)


def add_lines(builder: DocumentBuilder, text: str) -> None:
    """Add lines as paragraphs, and runs of lines that end in `|` as tables."""
    for is_table, lines in groupby(text.split("\n"), key=lambda line: line.rstrip().endswith("|")):
        if is_table:
            builder.add_table([line.rstrip().removesuffix("|").split("|") for line in lines])
        else:
            for line in lines:
                builder.add_paragraph(line)
