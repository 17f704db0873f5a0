"""Plain text, and what every text format shares."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.readers.builder import DocumentBuilder, clean
from ingest.readers.encoding import decode
from rag.errors import ReadError
from rag.types import Document

MAX_CONTROL_SHARE = 0.05  # of characters; more is no text
_SAMPLE_CHARACTERS = 65_536
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


def read_plain(path: Path) -> str:
    """Read and decode a text file. Raises ReadError if it is binary."""
    text = decode(path.read_bytes())
    sample = text[:_SAMPLE_CHARACTERS]
    if "\x00" in text or len(_CONTROLS.findall(sample)) > MAX_CONTROL_SHARE * len(sample):
        message = f"{path}: holds binary data, not text; give it its true suffix or remove it"
        raise ReadError("damaged", message)
    return text


def read_text(path: Path) -> Document:
    """Read plain text; blank lines part the paragraphs."""
    builder = DocumentBuilder()
    add_paragraphs(builder, read_plain(path))
    return builder.build(path.stem)


def add_paragraphs(builder: DocumentBuilder, text: str) -> None:
    """Add text whose paragraphs are parted by blank lines."""
    for paragraph in re.split(r"\n[^\S\n]*(?:\n[^\S\n]*)+", clean(text)):
        builder.add_paragraph(paragraph)
