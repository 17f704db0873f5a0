from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ingest.chunker import chunk_document
from ingest.readers import read_document
from ingest.readers.builder import ROWS_PER_BLOCK as BUILT_ROWS
from ingest.readers.builder import DocumentBuilder, table_line
from rag.tables import extract
from rag.tables.compute import compute
from rag.tables.extract import extract_tables, split_cells
from rag.tables.plan import Plan
from rag.tables.table import Table
from rag.types import Document, StoredChunk

CELL = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="|"), max_size=6)


def stored(document: Document) -> list[StoredChunk]:
    from fakes import WordEncoder

    chunks = chunk_document(document, WordEncoder().token_starts, 60)
    return [
        StoredChunk(n, 1, "/t", document.title, n, c.start, c.end, c.text, c.headings, c.page, "en")
        for n, c in enumerate(chunks)
    ]


def build(rows: list[list[str]], first: int = 1) -> Document:
    builder = DocumentBuilder()
    builder.add_heading(1, "Sheet")
    builder.add_rows(enumerate(rows, first))
    return builder.build("Book")


def only(document: Document) -> Table:
    (table,) = extract_tables(document.text, document.title, "/t.csv", stored(document))
    return table


def test_blocks_are_as_long_as_the_reader_makes_them() -> None:
    assert extract.ROWS_PER_BLOCK == BUILT_ROWS


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=230))
def test_every_rows_span_is_the_row(rows: list[tuple[str, ...]]) -> None:
    body = [["k", *row] for row in rows]
    document = build([["key", "a", "b", "c"], *body])
    (table,) = extract_tables(document.text, document.title)
    assert len(table.rows) + table.totals == len(rows)
    for row in table.rows:
        text = document.text[row.start : row.end]
        filled = [cell for cell in row.cells if cell]
        assert [cell for cell in split_cells(text) if cell] == filled


@given(st.lists(CELL, min_size=2, max_size=6).filter(lambda cells: any(cells)))
def test_a_line_is_split_as_it_was_joined(cells: list[str]) -> None:
    assert list(split_cells(table_line(cells))) == cells


def test_a_long_table_is_one_with_the_rows_of_its_sheet() -> None:
    document = build([["n", "word"], *([str(n), f"w{n}"] for n in range(1, 251))], first=3)
    table = only(document)
    assert [row.cells[0] for row in table.rows] == [str(n) for n in range(1, 251)]
    assert [row.number for row in table.rows] == list(range(4, 254))
    assert table.name == "Sheet" and table.column("n").kind == "number"


def test_two_full_tables_stay_apart_where_their_numbers_do() -> None:
    builder = DocumentBuilder()
    for name in ("One", "Two"):
        builder.add_heading(1, name)
        builder.add_rows(enumerate([["n", "m"], *([str(n), "x"] for n in range(99))], 1))
    document = builder.build("Book")
    tables = extract_tables(document.text, "Book", "/t.xlsx", stored(document))
    assert [(table.name, len(table.rows)) for table in tables] == [("One", 99), ("Two", 99)]


def test_totals_are_left_out_and_empty_names_filled() -> None:
    document = build(
        [["city", "", "sum"], ["Bonn", "x", "1"], ["Ulm", "y", "2"], ["合计", "", "3"]]
    )
    table = only(document)
    assert table.totals == 1 and table.column("sum").values == (Decimal(1), Decimal(2))
    assert [column.name for column in table.columns] == ["city", "column 2", "sum"]


def test_the_same_name_twice_gets_a_number() -> None:
    table = only(build([["a", "A", "a"], ["1", "2", "3"]]))
    assert [column.name for column in table.columns] == ["a", "A (2)", "a (3)"]


def test_markdown_lines_in_a_text_are_a_table() -> None:
    text = "Stock\n\n| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n\nEnd"
    (table,) = extract_tables(text, "doc")
    assert [row.cells for row in table.rows] == [("x", "1"), ("y", "2")] and table.name == "Stock"
    assert [text[row.start : row.end] for row in table.rows] == ["| x | 1 |", "| y | 2 |"]


def test_a_header_alone_is_no_table() -> None:
    assert extract_tables("| a | b |", "doc") == []


def test_json_records_and_the_lists_in_them(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_text(
        '{"shop": "S", "orders": [{"id": "o1", "to": {"city": "Ulm"}, "items": [{"sku": "a",'
        ' "n": 2}, {"sku": "b", "n": 3}]}, {"id": "o2", "to": {"city": "Bonn"}, "items":'
        ' [{"sku": "a", "n": 5}]}]}'
    )
    document = read_document(path)
    orders, items = extract_tables(document.text, document.title, str(path))
    assert orders.kind == "record" and orders.column("to.city").values == ("Ulm", "Bonn")
    assert items.column("items.n").values == (Decimal(2), Decimal(3), Decimal(5))
    assert items.column("to.city").values == ("Ulm", "Ulm", "Bonn")
    for row in items.rows:
        span = document.text[row.start : row.end]
        assert f".sku: {row.cells[-2]}" in span and f".n: {row.cells[-1]}" in span


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), CELL.filter(bool), min_size=3),
        min_size=2, max_size=12,
    )
)  # fmt: skip
def test_every_records_span_holds_its_fields(records: list[dict[str, str]]) -> None:
    builder = DocumentBuilder()
    for number, record in enumerate(records):
        text = "\n".join(f"{key}: {value}" for key, value in record.items())
        builder.add_record(f"$[{number}]", text)
    document = builder.build("r")
    tables = extract_tables(document.text, "r", "/r.json")
    rows = [(table, row) for table in tables for row in table.rows]
    assert len(rows) == len(records)
    for table, row in rows:
        span = document.text[row.start : row.end]
        for column, cell in zip(table.columns, row.cells, strict=True):
            assert not cell or f"{column.name}: {cell}" in span


def test_a_value_of_many_lines_stays_with_its_record() -> None:
    text = "a: 1\nb: first\nsecond line\n\nthird: no key of a record\n\na: 2\nb: x"
    (table,) = extract_tables(text, "r", "/r.jsonl")
    assert table.column("a").values == (Decimal(1), Decimal(2))


def test_keys_that_differ_in_case_alone_are_two_columns() -> None:
    text = "ID: 1\nid: a\nn: 3\n\nID: 2\nid: b\nn: 4"
    (table,) = extract_tables(text, "r", "/r.json")
    assert [column.name for column in table.columns] == ["ID", "id (2)", "n"]
    assert compute(Plan("sum", "n"), table).result.rows == ((Decimal(7),),)
