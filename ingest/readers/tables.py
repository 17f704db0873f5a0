"""CSV and TSV: one table, its first row the header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from ingest.readers.builder import DocumentBuilder
from ingest.readers.text import read_plain
from rag.types import Document

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # one at a time: memory stays small
_DELIMITERS = ",\t;|"
_SAMPLE_CHARACTERS = 16_384
_SAMPLE_ROWS = 50
MAX_CELL_CHARACTERS = 10_000_000


def read_table(path: Path) -> Document:
    """Read delimited rows, numbered from 1; the delimiter is told from the first of them."""
    text = read_plain(path).lstrip("\ufeff")
    likely = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    lines = (line[0] for line in _LINE.finditer(text))
    reader = csv.reader(lines, delimiter=sniff_delimiter(text, likely))
    builder = DocumentBuilder()
    builder.add_rows(enumerate(reader, start=1))
    return builder.build(path.stem)


def sniff_delimiter(text: str, likely: str) -> str:
    """The delimiter by which most of the first rows have one width; `likely` wins a tie."""
    # csv.Sniffer is not used: it takes letters for delimiters in short Chinese tables.
    sample = text[:_SAMPLE_CHARACTERS]
    candidates = likely + _DELIMITERS.replace(likely, "")
    return max(candidates, key=lambda delimiter: _evenness(sample, delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows that have the commonest width, and that width; nothing for width 1."""
    try:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        widths = [len(row) for row, _ in zip(rows, range(_SAMPLE_ROWS), strict=False) if row]
    except csv.Error:
        return 0.0, 0
    if not widths:
        return 0.0, 0
    width, count = Counter(widths).most_common(1)[0]
    return (count / len(widths), width) if width > 1 else (0.0, 0)
