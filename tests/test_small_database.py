from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rag.errors import FootnoteError
from rag.small_database import SmallDatabase

FIRST = "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('old')"
SECOND = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7"


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    SmallDatabase(tmp_path / "d", [FIRST], "things").close()
    database = SmallDatabase(tmp_path / "d", [FIRST, SECOND], "things")
    assert database.rows("SELECT * FROM a") == [("old", 7)]
    database.close()
    database = SmallDatabase(tmp_path / "d", [FIRST, SECOND], "things")  # not again
    assert database.rows("SELECT COUNT(*) FROM a") == [(1,)]
    database.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    SmallDatabase(tmp_path / "d", [FIRST, SECOND], "things").close()
    with pytest.raises(FootnoteError, match=r"things in .* newer Footnote \(version 2"):
        SmallDatabase(tmp_path / "d", [FIRST], "things")


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    SmallDatabase(tmp_path / "d", [FIRST], "things").close()
    with pytest.raises(FootnoteError, match="cannot be opened"):
        SmallDatabase(tmp_path / "d", [FIRST, f"{SECOND}; NONSENSE"], "things")
    database = SmallDatabase(tmp_path / "d", [FIRST], "things")
    assert database.rows("SELECT * FROM a") == [("old",)]
    database.close()


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    database = SmallDatabase(tmp_path / "d", [FIRST], "things")
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute("DELETE FROM a")
        raise ZeroDivisionError
    assert database.rows("SELECT * FROM a") == [("old",)]
    database.close()
    with pytest.raises(sqlite3.ProgrammingError):
        database.rows("SELECT 1")


def test_a_disk_that_is_full_at_the_end_of_a_transaction_keeps_nothing_and_stays_usable(
    tmp_path: Path,
) -> None:
    database = SmallDatabase(tmp_path / "d", [FIRST], "things")
    large = "x" * 200_000
    connection = database._connection
    num_pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {num_pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"), database.writing() as writing:
        writing.execute("INSERT INTO a VALUES (?)", (large,))
    with pytest.raises(ZeroDivisionError), database.writing() as writing:
        writing.execute("COMMIT")  # as if the disk had ended it
        raise ZeroDivisionError
    connection.execute("PRAGMA max_page_count = 1000000")
    with database.writing() as writing:
        writing.execute("INSERT INTO a VALUES ('new')")
    assert database.rows("SELECT * FROM a") == [("old",), ("new",)]
    database.close()


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    database = SmallDatabase(tmp_path / "d", [FIRST], "things")
    real = database._connection

    class Failing:
        """Its next COMMIT does nothing but fail, as on a full disk."""

        in_transaction = property(lambda self: real.in_transaction)

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return real.execute(sql, *values)

    database._connection = Failing()  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError, match="full"), database.writing() as connection:
        connection.execute("DELETE FROM a")
    database._connection = real
    with database.writing() as connection:
        connection.execute("INSERT INTO a VALUES ('new')")
    assert database.rows("SELECT * FROM a") == [("old",), ("new",)]
    database.close()
