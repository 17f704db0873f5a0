"""Conversations as they are kept: people, threads, steps, elements and feedback, in one file.

Steps and elements are kept as the chat page gives them, as JSON. Whatever is written or read names
its owner: what is another's is as if it were not there (KeyError, or nothing happens).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.believed_time import believed_time
from rag.chat.narrowings import TABLE, Narrowings, delete_narrowing, delete_unasked
from rag.small_database import SmallDatabase

MIGRATIONS = (
    """
    CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created REAL NOT NULL);
    CREATE TABLE threads (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, metadata TEXT NOT NULL,
        created REAL NOT NULL, changed REAL NOT NULL
    );
    CREATE INDEX threads_by_owner ON threads (owner, changed);
    CREATE TABLE steps (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        thread TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE, data TEXT NOT NULL
    );
    CREATE INDEX steps_by_thread ON steps (thread);
    CREATE TABLE elements (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        thread TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE, step TEXT NOT NULL,
        data TEXT NOT NULL
    );
    CREATE INDEX elements_by_thread ON elements (thread);
    CREATE INDEX elements_by_step ON elements (step);
    CREATE TABLE feedback (
        id TEXT PRIMARY KEY, step TEXT NOT NULL UNIQUE REFERENCES steps (id) ON DELETE CASCADE,
        value INTEGER NOT NULL, comment TEXT NOT NULL, given REAL NOT NULL
    )
    """,
    TABLE,
)
MAX_NAME_CHARACTERS = 200
USER_MESSAGE = "user_message"  # the type of a step
DAY_SECONDS = 86_400.0

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation without what was said. Times are in seconds since 1970."""

    id: str
    owner: str
    name: str
    metadata: Data
    created: float
    changed: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole one; steps in the order that they began in, each with its `feedback`, if any."""

    thread: Thread
    steps: tuple[Data, ...]
    elements: tuple[Data, ...]


class Store:
    """Safe to use from many threads and processes. `clock` is for tests.

    With `keep_days` what nobody has touched for so long is deleted, now and at each new thread.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_days: int | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._database = SmallDatabase(path, MIGRATIONS, "conversations")
        self._keep_days, self._clock = keep_days, clock or time.time
        self._believed_time = clock or believed_time
        self.narrowings = Narrowings(self._database, self._clock)
        self.delete_old()

    def close(self) -> None:
        self._database.close()

    # People

    def person(self, name: str) -> tuple[str, float]:
        """Their id, and when they first came; made when they come."""
        look = "SELECT id, created FROM people WHERE name = ?"
        if not (rows := self._database.rows(look, name)):
            with self._database.writing() as connection:
                row = (str(uuid.uuid4()), name, self._clock())
                connection.execute("INSERT OR IGNORE INTO people VALUES (?, ?, ?)", row)
            rows = self._database.rows(look, name)
        return str(rows[0][0]), float(rows[0][1])

    def name_of(self, person_id: str) -> str | None:
        rows = self._database.rows("SELECT name FROM people WHERE id = ?", person_id)
        return str(rows[0][0]) if rows else None

    # Threads

    def owner_of(self, thread: str) -> str | None:
        rows = self._database.rows("SELECT owner FROM threads WHERE id = ?", thread)
        return str(rows[0][0]) if rows else None

    def put_thread(
        self, owner: str, thread: str, name: str | None = None, metadata: Data | None = None
    ) -> None:
        """Make it, or give it a new name or more metadata (a value None removes a key)."""
        now = self._clock()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO threads VALUES (?, ?, '', '{}', ?, ?)",
                (thread, owner, now, now),
            )
            if not _owns(connection, owner, thread):
                return
            if name is not None:
                change = "UPDATE threads SET name = ? WHERE id = ?"
                connection.execute(change, (_title(name), thread))
            if metadata:
                rows = connection.execute("SELECT metadata FROM threads WHERE id = ?", (thread,))
                merged = json.loads(rows.fetchone()[0]) | metadata
                merged = {key: value for key, value in merged.items() if value is not None}
                change = "UPDATE threads SET metadata = ? WHERE id = ?"
                connection.execute(change, (_json(merged), thread))

    def threads(self, owner: str, *, search: str = "", feedback: int | None = None) -> list[Thread]:
        """The owner's, last used first; with `search` those that say it, whatever the case."""
        rows = self._database.rows(
            "SELECT id, owner, name, metadata, created, changed FROM threads"
            " WHERE owner = ? ORDER BY changed DESC, id",
            owner,
        )
        found = [_thread(row) for row in rows]
        if search:
            found = [one for one in found if self._says(one, search.casefold())]
        if feedback is not None:
            given = self._database.rows(
                "SELECT DISTINCT s.thread FROM feedback f JOIN steps s ON s.id = f.step"
                " WHERE f.value = ?",
                feedback,
            )
            rated = {row[0] for row in given}
            found = [one for one in found if one.id in rated]
        return found

    def _says(self, thread: Thread, folded: str) -> bool:
        if folded in thread.name.casefold():
            return True
        rows = self._database.rows("SELECT data FROM steps WHERE thread = ?", thread.id)
        return any(folded in str(json.loads(row[0]).get("output")).casefold() for row in rows)

    def conversation(self, owner: str, thread: str) -> Conversation:
        """Raises KeyError if the owner has no such thread."""
        rows = self._database.rows(
            "SELECT id, owner, name, metadata, created, changed FROM threads"
            " WHERE id = ? AND owner = ?",
            thread,
            owner,
        )
        if not rows:
            raise KeyError(thread)
        given = self._database.rows(
            "SELECT f.step, f.id, f.value, f.comment FROM feedback f JOIN steps s ON s.id = f.step"
            " WHERE s.thread = ?",
            thread,
        )
        feedback = {
            step: {"forId": step, "id": one, "value": value, "comment": comment}
            for step, one, value, comment in given
        }
        steps = [json.loads(row[0]) for row in self._all("steps", thread)]
        for step in steps:
            step["feedback"] = feedback.get(step["id"])
        elements = (json.loads(row[0]) for row in self._all("elements", thread))
        return Conversation(_thread(rows[0]), tuple(steps), tuple(elements))

    def _all(self, table: str, thread: str) -> list[tuple[str]]:
        return self._database.rows(
            f"SELECT data FROM {table} WHERE thread = ? ORDER BY number", thread
        )

    def delete_thread(self, owner: str, thread: str) -> bool:
        """With all that it holds, from the disk too; False if it is not the owner's."""
        delete = "DELETE FROM threads WHERE id = ? AND owner = ?"
        with self._database.writing() as connection:
            is_gone = connection.execute(delete, (thread, owner)).rowcount > 0
            delete_narrowing(connection, owner, thread)
        if is_gone:
            self._database.forget()
        return is_gone

    def delete_old(self) -> int:
        """What is older than is kept; how many threads that were."""
        now, gone = self._believed_time(), 0
        with self._database.writing() as connection:
            if self._keep_days is not None:
                last = now - self._keep_days * DAY_SECONDS
                gone = connection.execute("DELETE FROM threads WHERE changed < ?", (last,)).rowcount
            unasked = delete_unasked(connection, now)
        if gone or unasked:
            self._database.forget()
        return gone

    # Steps and elements

    def put_step(self, owner: str, thread: str, step: Mapping[str, Any]) -> bool:
        """Write a step; False, and nothing written, if thread or step are not the owner's.

        Only a person's message begins a thread: what still comes of an answer must not bring a
        deleted one back.
        """
        if step.get("type") == USER_MESSAGE and self.owner_of(thread) is None:
            self.delete_old()
            self.put_thread(owner, thread)
        return self._write_step(
            owner,
            thread,
            "INSERT INTO steps (data, thread, id) VALUES (?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET data = excluded.data WHERE thread = excluded.thread",
            step,
        )

    def change_step(self, owner: str, thread: str, step: Mapping[str, Any]) -> bool:
        """Write a step anew; False if the owner has none such."""
        sql = "UPDATE steps SET data = ? WHERE thread = ? AND id = ?"
        return self._write_step(owner, thread, sql, step)

    def _write_step(self, owner: str, thread: str, sql: str, step: Mapping[str, Any]) -> bool:
        data = _json({**step, "feedback": None})
        with self._database.writing() as connection:
            if not _owns(connection, owner, thread):
                return False
            wrote = connection.execute(sql, (data, thread, step["id"])).rowcount > 0
            if wrote:
                change = "UPDATE threads SET changed = ? WHERE id = ?"
                connection.execute(change, (self._clock(), thread))
            return wrote

    def delete_step(self, owner: str, step: str) -> None:
        with self._database.writing() as connection:
            mine = "IN (SELECT id FROM threads WHERE owner = ?)"
            gone = connection.execute(
                f"DELETE FROM steps WHERE id = ? AND thread {mine}", (step, owner)
            )
            if gone.rowcount:
                connection.execute("DELETE FROM elements WHERE step = ?", (step,))

    def put_element(self, owner: str, thread: str, element: Mapping[str, Any]) -> bool:
        """As with steps; its thread must be there."""
        with self._database.writing() as connection:
            if not _owns(connection, owner, thread):
                return False
            wrote = connection.execute(
                "INSERT INTO elements (id, thread, step, data) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET data = excluded.data, step = excluded.step"
                " WHERE thread = excluded.thread",
                (element["id"], thread, element.get("forId") or "", _json(element)),
            )
            return wrote.rowcount > 0

    def delete_element(self, owner: str, element: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM elements WHERE id = ? AND thread IN"
                " (SELECT id FROM threads WHERE owner = ?)",
                (element, owner),
            )

    # Feedback

    def put_feedback(self, owner: str, step: str, value: int, comment: str) -> str:
        """On a step of the owner's; its id. Raises KeyError if the step is not theirs."""
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT 1 FROM steps s JOIN threads t ON t.id = s.thread"
                " WHERE s.id = ? AND t.owner = ?",
                (step, owner),
            )
            if found.fetchone() is None:
                raise KeyError(step)
            connection.execute(
                "INSERT INTO feedback VALUES (?, ?, ?, ?, ?) ON CONFLICT (step) DO UPDATE"
                " SET value = excluded.value, comment = excluded.comment, given = excluded.given",
                (str(uuid.uuid4()), step, value, comment, self._clock()),
            )
            found = connection.execute("SELECT id FROM feedback WHERE step = ?", (step,))
            return str(found.fetchone()[0])

    def delete_feedback(self, owner: str, feedback: str) -> bool:
        """False if there is none such of the owner's."""
        with self._database.writing() as connection:
            gone = connection.execute(
                "DELETE FROM feedback WHERE id = ? AND step IN (SELECT s.id FROM steps s"
                " JOIN threads t ON t.id = s.thread WHERE t.owner = ?)",
                (feedback, owner),
            )
            return gone.rowcount > 0


def moment(seconds: float) -> str:
    """A time as the chat page and exports have it: 2026-05-01T10:00:00.000Z."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _owns(connection: Any, owner: str, thread: str) -> bool:
    found = connection.execute("SELECT owner FROM threads WHERE id = ?", (thread,)).fetchone()
    return found is not None and found[0] == owner


def _thread(row: tuple[Any, ...]) -> Thread:
    return Thread(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5])


def _title(name: str) -> str:
    """On one line, and not endless: the first question names a conversation."""
    line = " ".join(name.split())
    is_long = len(line) > MAX_NAME_CHARACTERS
    return line[: MAX_NAME_CHARACTERS - 1] + "…" if is_long else line


def _json(data: Mapping[str, Any]) -> str:
    """Broken Unicode as escapes: it could not be written."""
    return json.dumps(data, ensure_ascii=True, default=str)
