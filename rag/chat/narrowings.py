"""What conversations are narrowed to, kept with them: it holds when the program starts again."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from rag.errors import SearchError
from rag.small_database import SmallDatabase
from rag.where import Where

log = logging.getLogger(__name__)

TABLE = """
    CREATE TABLE narrowings (
        owner TEXT NOT NULL, thread TEXT NOT NULL, filter TEXT NOT NULL, changed REAL NOT NULL,
        PRIMARY KEY (owner, thread)
    )
"""
UNASKED_SECONDS = 86_400.0  # that one is kept for without a question in its conversation
Clock = Callable[[], float]


class Narrowings:
    """Of a conversation the filter, apart from its thread, which begins with the first question.

    What the disk does not take is logged, and holds until the program ends.
    """

    def __init__(self, database: SmallDatabase, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def get(self, owner: str, conversation: str) -> Where:
        """Everything where nothing is kept, or nothing that this version understands."""
        sql = "SELECT filter FROM narrowings WHERE owner = ? AND thread = ?"
        try:
            rows = self._database.rows(sql, owner, conversation.lower())
            return Where.from_json(json.loads(rows[0][0])) if rows else Where()
        except (sqlite3.Error, SearchError, ValueError, TypeError) as error:
            log.error("what a conversation was narrowed to cannot be read: %s", error)
            return Where()

    def put(self, owner: str, conversation: str, where: Where) -> None:
        """Keep it; an open filter is nothing to keep."""
        key = (owner, conversation.lower())
        try:
            with self._database.writing() as connection:
                delete_narrowing(connection, *key)
                if where:
                    row = (*key, json.dumps(where.as_json()), self._clock())
                    connection.execute("INSERT INTO narrowings VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            log.error("what a conversation is narrowed to was not kept: %s", error)


def delete_narrowing(connection: Any, owner: str, conversation: str) -> None:
    """Part of a transaction; harmless where none is kept."""
    delete = "DELETE FROM narrowings WHERE owner = ? AND thread = ?"
    connection.execute(delete, (owner, conversation.lower()))


def delete_unasked(connection: Any, now: float) -> int:
    """Part of a transaction: those of conversations that are gone, or never had a question."""
    delete = (
        "DELETE FROM narrowings WHERE changed < ? AND thread NOT IN (SELECT lower(id) FROM threads)"
    )
    return int(connection.execute(delete, (now - UNASKED_SECONDS,)).rowcount)
