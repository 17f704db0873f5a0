from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from rag.tables.extract import make_table
from rag.tables.select import QueryError, TableQueries, literal, quoted
from rag.tables.table import Row, Table


def table_of(*lines: str, name: str = "t") -> Table:
    rows = [Row(0, 0, tuple(line.split("|")), n) for n, line in enumerate(lines)]
    table = make_table(name, rows, lines[0])
    assert table is not None
    return table


@pytest.fixture
def queries() -> Iterator[TableQueries]:
    table = table_of("City|Price|Day", "Bonn|0.1|2026-01-02", "Ulm|0.2|2026-02-03", "Köln||")
    with TableQueries(table) as opened:
        yield opened


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT readfile('/etc/passwd')",
        "SELECT load_extension('/tmp/x')",
        "SELECT getenv('HOME')",
        "SELECT sqlite_version()",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM json_each('[1]')",
        "SELECT * FROM other",
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT printf('%.*c', 100000000, 'x')",
        "SELECT writefile('/tmp/x', 'y')",
        "COPY t TO '/tmp/x'",
        "ATTACH '/tmp/x' AS y",
        "PRAGMA database_list",
        "VACUUM INTO '/tmp/x'",
        "INSERT INTO t VALUES (1, 2, 3)",
        "DROP TABLE t",
        "CREATE TABLE u (a)",
        "UPDATE t SET City = 'x'",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT 1; DROP TABLE t",
        "SELECT 1;;",
        "SELECT 1 -- hidden",
        "SELECT /* hidden */ 1",
        "SELECT 'open",
        "SELECT x'00'",
        "SELECT\x00 1",
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT count(*) FROM " + ", ".join(f"t AS t{n}" for n in range(40)),
        "selection",
        "",
    ],
)  # fmt: skip
def test_attacks_are_refused(sql: str, queries: TableQueries) -> None:
    with pytest.raises(QueryError):
        queries.select(sql)
    assert queries.select("SELECT COUNT(*) FROM t").rows == ((Decimal(3),),)


def test_what_only_looks_like_an_attack_is_run(queries: TableQueries) -> None:
    assert queries.select("SELECT '; -- /* ' FROM t LIMIT 1;").rows == (("; -- /* ",),)


def test_sums_are_exact_and_skip_empty_cells(queries: TableQueries) -> None:
    sql = 'SELECT SUM("Price"), AVG("Price"), MEDIAN("Price"), COUNT("Price") FROM t'
    (row,) = queries.select(sql).rows
    assert row == (Decimal("0.3"), Decimal("0.15"), Decimal("0.15"), Decimal(2))
    nothing = queries.select('SELECT SUM("Price") FROM t WHERE "City" = \'x\'').rows
    assert nothing == ((None,),)


def test_an_endless_query_ends(queries: TableQueries) -> None:
    joined = ", ".join(f"t AS t{n}" for n in range(30))
    with pytest.raises(QueryError, match="interrupted"):
        queries.select(f"SELECT SUM(t0.Price) FROM {joined}")


@pytest.mark.parametrize("name", ['a"b', "x; DROP TABLE t", "[a]", "中文 (万元)", "select", "--"])
def test_any_name_can_be_asked_for(name: str) -> None:
    with TableQueries(table_of(f"{name}|n", "v|1", "w|2", name=name)) as opened:
        sql = f"SELECT SUM(n) FROM {quoted(name)} WHERE {quoted(name)} = {literal('v')}"
        assert opened.select(sql).rows == ((Decimal(1),),)


def test_a_literal_cannot_be_left(queries: TableQueries) -> None:
    value = literal("x' OR '1'='1")
    sql = f"SELECT COUNT(*) FROM t WHERE City = {value}"
    assert queries.select(sql).rows == ((Decimal(0),),)
