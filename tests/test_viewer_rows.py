"""Rows of tables in stored text: their numbers, cells and header."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.builder import ROWS_PER_BLOCK, DocumentBuilder
from rag.types import Document, StoredChunk
from rag.viewer_rows import block_at, cell_spans, is_row


def chunks_of(document: Document) -> list[StoredChunk]:
    """A chunk a block, as the catalog gives them."""
    return [
        StoredChunk(
            n, 1, "/d/a.csv", document.title, n, b.start, b.end,
            document.text[b.start : b.end], b.headings, b.page, "en",
        )
        for n, b in enumerate(document.blocks)
    ]  # fmt: skip


def sheet(numbers: list[int]) -> Document:
    builder = DocumentBuilder()
    builder.add_heading(1, "Stock")
    builder.add_rows([(n, [f"part {n}", str(n * 7)]) for n in numbers])
    return builder.build("stock")


@given(st.integers(1, 9), st.integers(2, 3 * ROWS_PER_BLOCK), st.data())
def test_a_row_has_its_number_and_the_first_lines_header(
    first: int, count: int, data: st.DataObject
) -> None:
    document = sheet(list(range(first, first + count)))
    number = data.draw(st.integers(first, first + count - 1))
    at = document.text.index(f"part {number} ")
    block = block_at(document.text, at, chunks_of(document))
    assert block is not None
    assert block.numbers(at, at + 3) == (number, number)
    assert document.text[slice(*block.header)] == f"| part {first} | {first * 7} |"


def test_the_block_before_tells_the_same_header() -> None:
    builder = DocumentBuilder()
    for start in (1, 500):  # two tables, the second behind a gap
        builder.add_rows([(n, [f"part {n}"]) for n in range(start, start + 250)])
    document = builder.build("two")
    chunks, before = chunks_of(document), None
    headers = []
    for chunk in chunks:
        alone = block_at(document.text, chunk.start, chunks)
        before = block_at(document.text, chunk.start, chunks, before)
        assert before == alone and before is not None
        headers.append(document.text[slice(*before.header)])
    assert headers == ["| part 1 |"] * 3 + ["| part 500 |"] * 3


def test_a_span_over_rows_has_the_first_and_the_last() -> None:
    document = sheet([1, 2, 3, 4])
    block = block_at(document.text, document.text.index("part 2"), chunks_of(document))
    assert block is not None
    span = document.text.index("part 2"), document.text.index("part 4") - 3
    assert block.numbers(*span) == (2, 3)
    assert block.numbers(0, 3) is None  # the sheet's name


def test_no_number_is_better_than_a_wrong_one() -> None:
    document = sheet([1, 2, 5, 6])  # blank rows were dropped: which line is row 5 is not stored
    at = document.text.index("part 5")
    block = block_at(document.text, at, chunks_of(document))
    assert block is not None and block.numbers(at, at + 1) is None
    without = block_at(document.text, at, [])
    assert without is not None and without.first_number is None


def test_another_table_of_the_sheet_has_its_own_header() -> None:
    builder = DocumentBuilder()
    builder.add_rows([(1, ["a", "b"]), (2, ["1", "2"])])
    builder.add_rows([(4, ["c", "d"]), (5, ["3", "4"])])
    document = builder.build("two")
    block = block_at(document.text, document.text.index("| 3 "), chunks_of(document))
    assert block is not None and document.text[slice(*block.header)] == "| c | d |"


def test_the_rule_under_a_markdown_header_is_no_row() -> None:
    text = "before\n| a | b |\n| --- | :-: |\n| 1 | 2 |\nafter"
    block = block_at(text, text.index("| 1"), [])
    assert block is not None
    assert [text[slice(*row)] for row in block.rows] == ["| a | b |", "| 1 | 2 |"]
    assert block_at(text, 0, []) is None and block_at(text, len(text), []) is None


CELL = st.text(st.characters(codec="utf-8", exclude_characters="|\n"), max_size=8).map(
    lambda text: " ".join(text.split())
)


@given(st.lists(CELL, min_size=1, max_size=5))
def test_cells_are_found_where_they_stand(cells: list[str]) -> None:
    line = "| " + " | ".join(cells) + " |"
    text = f"x\n{line}\ny"
    assert is_row(line) and not is_row("x")
    assert [text[a:b] for a, b in cell_spans(text, 2, 2 + len(line))] == cells
