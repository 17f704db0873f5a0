"""What holds for every reader and every file: blocks cover the text, chunks rebuild it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from reading_asserts import assert_sound, block_text

from ingest.chunker import chunk_document
from ingest.readers import SUFFIXES, read_document
from ingest.readers.builder import ROWS_PER_BLOCK, DocumentBuilder
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Document

ROOT = Path(__file__).resolve().parent.parent
TORTURE = ROOT.parent / "shared" / "data" / "torture" / "files"
MAX_BYTES = 300_000  # larger files are left to the bench
OPTIONS = ReadOptions(ocr=False)


def word_starts(text: str) -> npt.NDArray[np.int64]:
    """A token is a word, or one character of Chinese."""
    found = re.finditer(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+", text)
    return np.array([match.start() for match in found], dtype=np.int64)


def assert_chunks_rebuild(document: Document) -> None:
    position = 0
    for chunk in chunk_document(document, word_starts, max_tokens=40):
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert not document.text[position : chunk.start].strip()
        position = chunk.end
    assert not document.text[position:].strip()


def files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [path for path in found if path.stat().st_size <= MAX_BYTES and path.suffix != ".pdf"]


@pytest.mark.parametrize("path", files(ROOT / "data"), ids=lambda path: path.name)
def test_our_own_files(path: Path) -> None:
    document = read_document(path, options=OPTIONS)
    assert_sound(document)
    assert_chunks_rebuild(document)


@pytest.mark.skipif(not TORTURE.exists(), reason="no collection of hard files")
@pytest.mark.parametrize("category", sorted(p.name for p in TORTURE.glob("*") if p.is_dir()))
def test_hard_files(category: str) -> None:
    for path in files(TORTURE / category):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # libraries warn of what is odd in such files
                document = read_document(path, options=OPTIONS)
        except ReadError as error:
            assert path.name in str(error)
            continue
        assert_sound(document)
        assert_chunks_rebuild(document)


def test_each_part_of_a_long_table_is_encoded_with_its_header() -> None:
    builder = DocumentBuilder()
    builder.add_heading(1, "Stock")
    rows = [["item", "", "price"], *([f"bolt {n}", "", str(n)] for n in range(250))]
    builder.add_rows(enumerate(rows, start=5))
    document = builder.build("List")
    assert_sound(document)
    assert_chunks_rebuild(document)
    tables = [block for block in document.blocks if block.kind == "table"]
    assert [block.headings[-1] for block in tables] == [
        "rows 5-104",
        "rows 105-204",
        "rows 205-255",
    ]
    assert len(block_text(document, tables[0]).split("\n")) == ROWS_PER_BLOCK
    chunks = chunk_document(document, word_starts, max_tokens=40)
    headed = [chunk for chunk in chunks if "| item | price |" in chunk.context + chunk.text]
    assert len(headed) == len(chunks) > 10
    assert chunks[-1].headings == ("Stock", "rows 205-255")


def test_a_column_that_fills_late_is_kept() -> None:
    builder = DocumentBuilder()
    rows = [["a", "b", ""], *(["1", "", ""] for _ in range(120)), ["2", "", "late"]]
    builder.add_rows(enumerate(rows, start=1))
    document = builder.build("")
    assert "| 2 |  | late |" in document.text
    assert [block.header for block in document.blocks] == ["| a | b |", "| a | b |  |"]
