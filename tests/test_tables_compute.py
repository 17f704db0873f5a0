from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from fakes import ScriptedGenerator, WordEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tables_select import table_of

from ingest.sync import sync
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.tables.compute import compute
from rag.tables.extract import make_table
from rag.tables.plan import Filter, Plan
from rag.tables.select import QueryError, TableQueries
from rag.tables.table import Row
from rag.tables.when import asks_to_compute
from rag.types import Answer

ROWS = st.lists(
    st.tuples(st.sampled_from(["Bonn", "Ulm", "苏州"]), st.decimals(-999, 9999, places=2)),
    min_size=3,
    max_size=25,
)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_sums_counts_and_groups_are_those_of_plain_python(
    rows: list[tuple[str, Decimal]],
) -> None:
    lines = [Row(0, 0, (city, str(price)), n) for n, (city, price) in enumerate(rows, start=1)]
    table = make_table("t", [Row(0, 0, ("City", "Price"), 0), *lines], "City|Price")
    assert table is not None and len(table.rows) == len(rows)
    by_city: dict[str, list[Decimal]] = defaultdict(list)
    for city, price in rows:
        by_city[city].append(price)
    with TableQueries(table) as queries:
        wanted = 'sum("Price"), count(*), max("Price"), min("Price")'
        sql = f'SELECT "City", {wanted} FROM "t" GROUP BY "City"'
        found = {row[0]: row[1:] for row in queries.select(sql).rows}
    assert {city: tuple(map(Decimal, map(str, one))) for city, one in found.items()} == {
        city: (sum(prices), Decimal(len(prices)), max(prices), min(prices))
        for city, prices in by_city.items()
    }


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("各仓库的账面数量合计是多少？", "surely"),
        ("Which supplier has the highest quality score?", "surely"),
        ("How much does the lamp cost?", "perhaps"),
        ("有哪些供应商？", "perhaps"),
        ("Who is the ombudsperson?", "no"),
        ("What does fault code E12 mean, and how long is it off?", "no"),
        ("Did they mean the mean of the sales?", "surely"),
        ("What is the mean revenue?", "surely"),
        ("What is a member with above-average experience in a topic called?", "no"),
        ("Is the price below the average of last year?", "surely"),
        ("保修期多久？", "no"),
    ],
)
def test_what_asks_for_a_computation(question: str, expected: str) -> None:
    assert asks_to_compute(question) == expected


def ask(tmp_path_factory: pytest.TempPathFactory, question: str, *files: tuple[str, str]) -> Answer:
    docs = tmp_path_factory.mktemp("docs")
    for name, text in files:
        (docs / name).write_text(text, "utf-8")
    encoder = WordEncoder()
    folder = tmp_path_factory.mktemp("index")
    with Indexes(folder, dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        generator = ScriptedGenerator("NOT_FOUND")
        return Footnote(indexes, encoder, generator, max_answer_tokens=100).ask(question)


SUPPLIERS = "Supplier,Country,Score\n" + "\n".join(
    f"{name},{country},{score}"
    for name, country, score in [
        ("Karst", "Slovenia", 97.2), ("Helm", "Norway", 99.1), ("Okabe", "Japan", 95.0),
        ("Corvo", "Portugal", 91.5),
    ]
)  # fmt: skip


def test_an_extreme_is_computed_and_its_row_cited(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    question = "Which supplier has the highest score?"
    answer = ask(tmp_path_factory, question, ("suppliers.csv", SUPPLIERS))
    assert "Helm" in answer.text and not answer.abstained
    assert answer.computation is not None and answer.computation.rows_total == 4
    assert answer.citations and "Helm" in answer.citations[0].quote


@pytest.mark.parametrize(
    "question",
    [
        "| 月份 | 销售额（万元） |\n| 1月 | 120 |\n| 2月 | 135 |\n| 3月 | 160 |\n请总结趋势",
        "一张表“1月 120, 2月 135, 3月 160, 单位万元”，请总结趋势。",
    ],
)
def test_a_table_in_the_question_is_computed_in_chinese(
    question: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answer = ask(tmp_path_factory, question, ("other.txt", "Cats sleep."))
    assert answer.computation is not None and answer.computation.path == ""
    for said in ("12.5", "18.5", "33.3", "万元"):
        assert said in answer.text


def test_an_ordinary_question_is_left_to_the_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    answer = ask(tmp_path_factory, "Who supplies glass?", ("suppliers.csv", SUPPLIERS))
    assert answer.computation is None


DAILY = table_of(
    "Day|Region|Units", "2026-01-05|East|3", "2026-01-20|West|4", "2026-02-03|East|6",
    "2026-02-11|West|", "2027-01-02|East|9",
)  # fmt: skip


@pytest.mark.parametrize(
    ("column", "sides", "rows"),
    [
        ("Day", ("2026-01", "2026-02"), [("2026-01", 7), ("2026-02", 6)]),
        ("Day", ("2026", "2027"), [("2026", 13), ("2027", 9)]),
        ("Day", ("2026-01-05", "2026-02-03"), [("2026-01-05", 3), ("2026-02-03", 6)]),
        ("Region", ("East", "West"), [("East", 18), ("West", 4)]),
    ],
)
def test_a_difference_is_between_the_sides_that_are_named(
    column: str, sides: tuple[str, str], rows: list[tuple[str, int]]
) -> None:
    computed = compute(Plan("difference", "Units", (Filter(column, "=", sides),)), DAILY)
    assert list(computed.result.rows) == [(name, Decimal(number)) for name, number in rows]


@pytest.mark.parametrize(
    "sides",
    [
        ("2026-01", "2026-03"),  # no row in March
        ("2026-01-05", "2026-02-11"),  # an empty cell
        ("2026-01", "2027"),
    ],
)
def test_a_difference_with_an_empty_side_is_not_computed(sides: tuple[str, str]) -> None:
    with pytest.raises(QueryError):
        compute(Plan("difference", "Units", (Filter("Day", "=", sides),)), DAILY)


def test_an_extreme_of_empty_cells_is_not_computed() -> None:
    where = (Filter("Day", "=", ("2026-02-11",)),)
    with pytest.raises(QueryError, match="Units"):
        compute(Plan("max", "Units", where), DAILY)


def test_shares_by_group_are_of_what_is_limited() -> None:
    january = (Filter("Day", "=", ("2026-01",)),)
    computed = compute(Plan("share", "Units", january, "Region"), DAILY)
    assert computed.result.rows == (
        ("East", Decimal(3), Decimal(7)), ("West", Decimal(4), Decimal(7))
    )  # fmt: skip
    east = (Filter("Region", "=", ("East",)),)
    assert compute(Plan("share", "Units", east, "Region"), DAILY).result.rows == (
        ("East", Decimal(18), Decimal(22)),
    )
