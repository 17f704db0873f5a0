from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from fakes import WordEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunker import MAX_CONTEXT_TOKENS, chunk_document
from ingest.readers import SUFFIXES, read_document
from ingest.readers.builder import DocumentBuilder
from rag.types import Chunk, Document

DATA = Path(__file__).resolve().parent.parent / "data"
ENCODER = WordEncoder()

words = st.text(alphabet="abc 。.，中文字\n", min_size=1, max_size=400)
blocks = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), st.integers(1, 3), words),
        st.tuples(st.just("paragraph"), st.just(0), words),
        st.tuples(st.just("list"), st.just(0), words),
        st.tuples(st.just("code"), st.just(0), words),
        st.tuples(st.just("table"), st.integers(1, 3), words),
        st.tuples(st.just("page"), st.integers(1, 4), st.just("")),
    ),
    max_size=12,
)


def build(parts: list[tuple[str, int, str]]) -> Document:
    builder = DocumentBuilder()
    for kind, number, text in parts:
        if kind == "heading":
            builder.add_heading(number, text)
        elif kind == "paragraph":
            builder.add_paragraph(text)
        elif kind == "list":
            builder.add_list_item(text)
        elif kind == "code":
            builder.add_code(text)
        elif kind == "table":
            builder.add_table([[line] * number for line in text.split("\n")])
        else:
            builder.set_page(number)
    return builder.build("A title")


def check(document: Document, chunks: list[Chunk], max_tokens: int) -> None:
    text = document.text
    assert all(text[c.start : c.end] == c.text and c.text.strip() for c in chunks)
    assert all(a.end <= b.start for a, b in pairwise(chunks))
    held = "".join(chunk.text for chunk in chunks)
    assert "".join(held.split()) == "".join(text.split())
    for chunk in chunks:
        assert len(ENCODER.token_starts(chunk.text)) <= max_tokens
        assert len(ENCODER.token_starts(chunk.context)) <= MAX_CONTEXT_TOKENS


@settings(deadline=None)
@given(parts=blocks, max_tokens=st.integers(2, 80))
def test_chunks_are_spans_that_hold_the_text_and_fit(
    parts: list[tuple[str, int, str]], max_tokens: int
) -> None:
    document = build(parts)
    check(document, chunk_document(document, ENCODER.token_starts, max_tokens), max_tokens)


@pytest.mark.parametrize(
    "path", [p for p in sorted(DATA.rglob("*")) if p.suffix in SUFFIXES], ids=lambda p: p.name
)
def test_real_documents(path: Path) -> None:
    document = read_document(path)
    chunks = chunk_document(document, ENCODER.token_starts)
    check(document, chunks, 256)
    assert max(len(ENCODER.token_starts(c.text)) for c in chunks) > 60


def test_a_split_table_repeats_its_header() -> None:
    builder = DocumentBuilder()
    builder.add_table([["Name", "Height"], *([f"tree {n}", f"{n} m"] for n in range(60))])
    chunks = chunk_document(builder.build("Trees"), ENCODER.token_starts, 80)
    assert len(chunks) > 3
    assert all("| Name | Height |" in chunk.context for chunk in chunks[1:])
    assert "| Name | Height |" not in chunks[0].context
    assert all(
        line.startswith("|") and line.endswith("|") for c in chunks for line in c.text.split("\n")
    )


def test_a_heading_stays_with_what_it_heads() -> None:
    builder = DocumentBuilder()
    for number in range(6):
        builder.add_heading(1, f"Part {number}")
        builder.add_heading(2, f"Section {number}")
        builder.add_paragraph("word " * 30)
    chunks = chunk_document(builder.build("Book"), ENCODER.token_starts, 50)
    assert [chunk.text.split("\n")[0] for chunk in chunks] == [f"Part {n}" for n in range(6)]
    assert [chunk.headings for chunk in chunks] == [(f"Part {n}", f"Section {n}") for n in range(6)]


def test_the_context_names_title_and_headings_once() -> None:
    builder = DocumentBuilder()
    builder.add_heading(1, "Book")
    builder.add_heading(2, "Pumps")
    builder.add_paragraph("word " * 40)
    builder.add_paragraph("more " * 40)
    first, second = chunk_document(builder.build("Book"), ENCODER.token_starts, 50)
    assert (first.context, second.context) == ("Book > Pumps", "Book > Pumps")
    assert second.text.startswith("more")


def test_a_word_without_spaces_is_cut() -> None:
    builder = DocumentBuilder()
    builder.add_paragraph("字" * 500)
    document = builder.build("")
    chunks = chunk_document(document, ENCODER.token_starts, 64)
    check(document, chunks, 64)
    assert [len(chunk.text) for chunk in chunks[:-1]] == [64] * 7


def test_pages_and_languages() -> None:
    builder = DocumentBuilder()
    builder.set_page(1)
    builder.add_paragraph("The pump is switched off when it is hot. " * 8)
    builder.set_page(2)
    builder.add_paragraph("水泵过热时会自动关闭。" * 8)
    chunks = chunk_document(builder.build("Pump"), ENCODER.token_starts, 120)
    assert [(chunk.page, chunk.language) for chunk in chunks] == [(1, "en"), (2, "zh")]


def test_an_empty_document_has_no_chunks() -> None:
    assert chunk_document(Document("", "", ()), ENCODER.token_starts) == []
