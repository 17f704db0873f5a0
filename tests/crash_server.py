"""Runs syncs in processes that may be killed at any point; test_crash.py and bench/crash.py ask it.

One warm process forks a child for each request, so that a killed run costs no start of Python. A
request is a JSON line; so is the answer: {"signal", "code", "seconds", "result"}. Nothing is
opened, and no thread is started, before a fork.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

DIMENSION = 64
NOBODY = 65534
QUERIES = ("apples are red", "pear", "税收 法律", "report 12", "plum jam recipe")
BETWEEN = ("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE")


# What may go wrong


class Checkpoints:
    """Counts what a run does to the disk, and kills or fails it at the chosen count."""

    def __init__(self, kill_at: int | None, fail_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._fail_at = fail_at

    def mend(self) -> None:
        """From now on nothing fails."""
        self._fail_at = None

    def __call__(self, failure: Exception | None = None) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fail_at is not None and self.count >= self._fail_at and failure is not None:
            raise failure  # and all that follows fails too: the disk stays full


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def put_in_checkpoints(reached: Checkpoints) -> None:
    """A checkpoint before and after each step that changes what is on the disk."""
    import faiss
    import tantivy

    for owner, name in ((os, "replace"), (os, "fsync"), (os, "unlink"), (faiss, "write_index")):
        can_be_full = name in ("fsync", "write_index")
        wrapped = _around(getattr(owner, name), reached, disk_full if can_be_full else None)
        setattr(owner, name, wrapped)
    connect = sqlite3.connect
    kind = _connection_type(reached)
    setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **(k | {"factory": kind})))  # noqa: B010
    setattr(tantivy, "Index", _index_type(tantivy.Index, reached))  # noqa: B010


def _around(
    function: Callable[..., Any], reached: Checkpoints, failure: Callable[[], Exception] | None
) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        reached(failure() if failure else None)
        result = function(*arguments, **named)
        reached()
        return result

    return wrapped


def _connection_type(reached: Checkpoints) -> type[sqlite3.Connection]:
    full = "database or disk is full"

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if not sql.lstrip().startswith(BETWEEN):
                return super().execute(sql, *arguments)
            reached(sqlite3.OperationalError(full))
            cursor = super().execute(sql, *arguments)
            reached()
            return cursor

        def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            reached(sqlite3.OperationalError(full))
            cursor = super().executemany(sql, *arguments)
            reached()
            return cursor

    return Connection


def _index_type(real: Any, reached: Checkpoints) -> type:
    class Writer:
        def __init__(self, writer: Any) -> None:
            self._writer = writer

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._writer, name)
            if name in ("commit", "add_document", "delete_documents_by_query"):
                return _around(found, reached, lambda: ValueError("No space left on device"))
            return found

    class Index:
        def __init__(self, *arguments: Any, **named: Any) -> None:
            self._index = real(*arguments, **named)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._index, name)

        def writer(self, *arguments: Any, **named: Any) -> Writer:
            return Writer(self._index.writer(*arguments, **named))

    for name in ("open", "exists"):
        if hasattr(real, name):
            setattr(Index, name, staticmethod(getattr(real, name)))
    return Index


# What a child does


def run_sync(request: dict[str, Any]) -> dict[str, Any]:
    """Bring the index to the folder's state; may be killed on the way."""
    from fakes import WordEncoder

    from ingest.sync import sync
    from rag.indexes import Indexes

    reached = Checkpoints(request.get("kill_at"), request.get("fail_at"))
    put_in_checkpoints(reached)
    with Indexes(Path(request["index"]), dimension=DIMENSION, read_only=False) as indexes:
        report = sync(
            indexes,
            WordEncoder(dimension=DIMENSION),
            [Path(request["docs"])],
            max_file_bytes=10**6,
            max_chunk_tokens=40,
        )
    return {"checkpoints": reached.count, "failed": [failure.path for failure in report.failed]}


def fail(request: dict[str, Any]) -> dict[str, Any]:
    """A sync on a full disk; then, in the same process, another one on a disk with space."""
    from fakes import WordEncoder

    from ingest.sync import sync
    from rag.errors import FootnoteError
    from rag.indexes import Indexes

    reached = Checkpoints(None, request["fail_at"])
    put_in_checkpoints(reached)
    encoder = WordEncoder(dimension=DIMENSION)
    limits = {"max_file_bytes": 10**6, "max_chunk_tokens": 40}
    failure = None
    try:
        with Indexes(Path(request["index"]), dimension=DIMENSION, read_only=False) as indexes:
            try:
                sync(indexes, encoder, [Path(request["docs"])], **limits)
            except FootnoteError as error:
                failure = [type(error).__name__, str(error)]
                reached.mend()
                sync(indexes, encoder, [Path(request["docs"])], **limits)
            reached.mend()
            return {"failure": failure, "verify": indexes.verify()}
    except FootnoteError as error:
        return {"failure": [type(error).__name__, str(error)], "verify": []}


def recover(request: dict[str, Any]) -> dict[str, Any]:
    """What a reader finds after a crash, and what a writer makes of it."""
    from rag.indexes import CATALOG_FILE, Indexes

    index = Path(request["index"])
    problems: list[str] = []
    seen: dict[str, str] = {}
    if (index / CATALOG_FILE).exists() and _has_schema(index / CATALOG_FILE):
        with Indexes(index, dimension=DIMENSION, read_only=True) as reader:
            seen = _texts(reader)
            for path, text in seen.items():
                problems += _not_found(reader, path, text)
    with Indexes(index, dimension=DIMENSION, read_only=False) as writer:
        problems += [f"when opened: {line}" for line in writer.verify()]
        seen_by_writer = _texts(writer)
    if seen and seen_by_writer != seen:
        problems.append("a reader and a writer see different documents")
    run_sync({"index": request["index"], "docs": request["docs"]})
    return {"problems": problems, "seen": seen_by_writer, "state": describe(request)}


def _has_schema(file: Path) -> bool:
    with sqlite3.connect(file) as connection:
        has = bool(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return has


def _texts(indexes: Any) -> dict[str, str]:
    """A digest of each document's text, by path."""
    catalog = indexes.catalog
    return {
        document.path: hashlib.sha256(
            catalog.document_text(document.document_id).encode()
        ).hexdigest()
        for document in catalog.documents()
    }


def _not_found(reader: Any, path: str, text: str) -> list[str]:
    """A reader replays FAISS itself: every passage of the catalog must be found there."""
    document = reader.catalog.document_by_path(path)
    chunks = reader.catalog.chunks_of(document.document_id)
    held = set(reader.dense.ids().tolist())
    return [f"{path}: passage {c.ordinal} is lost" for c in chunks if c.chunk_id not in held]


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """Everything that must not depend on how the index came to be."""
    from fakes import WordEncoder

    from rag.indexes import Indexes

    index = Path(request["index"])
    encoder = WordEncoder(dimension=DIMENSION)
    with Indexes(index, dimension=DIMENSION, read_only=False) as indexes:
        catalog = indexes.catalog
        names: dict[int, tuple[str, int]] = {}
        chunks = []
        for document in catalog.documents():
            for chunk in catalog.chunks_of(document.document_id):
                names[chunk.chunk_id] = (chunk.path, chunk.start)
                (_, body, language) = catalog.index_texts([chunk.chunk_id])[0]
                vector = catalog.vectors([chunk.chunk_id])[0]
                chunks.append(
                    [
                        chunk.path, chunk.start, chunk.end, chunk.text, body, language,
                        document.title, document.content_hash,
                        hashlib.sha256(vector.tobytes()).hexdigest(),
                    ]
                )  # fmt: skip
        found: dict[str, Any] = {}
        for query in QUERIES:
            vector = encoder.encode_queries([query])[0]
            dense = indexes.dense.search(vector, 1000)
            lexical = indexes.lexical.search(query, 1000)
            found[query] = [
                sorted([round(score, 5), *names.get(i, ("?", i))] for i, score in dense),
                sorted([*names.get(i, ("?", i))] for i, _ in lexical),
            ]
        return {
            "verify": indexes.verify(),
            "chunks": chunks,
            "found": found,
            "counts": catalog.counts(),
            "leftovers": [path.name for path in index.rglob("*.tmp")],
        }


def verify(request: dict[str, Any]) -> dict[str, Any]:
    """As `footnote verify` does."""
    from rag.indexes import Indexes

    with Indexes(Path(request["index"]), dimension=DIMENSION, read_only=True) as reader:
        return {"verify": reader.verify(), "seen": _texts(reader)}


ACTIONS = {
    "sync": run_sync,
    "fail": fail,
    "recover": recover,
    "describe": describe,
    "verify": verify,
}


# The server


def child(request: dict[str, Any], answer: int) -> None:
    """Do what is asked, and write the result or the error as JSON."""
    from test_sync import DirectReader

    import ingest.sync
    import rag.indexes

    setattr(ingest.sync, "ReadingProcess", DirectReader)  # noqa: B010
    rag.indexes.KEPT_CHANGES, rag.indexes.DROPPED_CHANGES = 4, 1  # so that each sync drops some
    if "max_file_bytes" in request:
        limit = request["max_file_bytes"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    if request.get("as_nobody") and os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        result = ACTIONS[request["action"]](request)
    except Exception as error:
        result = {
            "error": type(error).__name__,
            "message": str(error),
            "trace": traceback.format_exc(),
        }
    with os.fdopen(answer, "w") as stream:
        json.dump(result, stream)


def serve_one(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a child, kill it if that is asked, and tell how it ended."""
    reading, writing = os.pipe()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            child(request, writing)
        finally:
            os._exit(0)
    os.close(writing)
    if (seconds := request.get("kill_after")) is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)  # not reaped yet, so the id is still the child's
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "seconds": time.monotonic() - started,
        "result": json.loads(text) if text and not os.WIFSIGNALED(status) else None,
    }


def main() -> None:
    """Import everything, then serve until the input ends."""
    import faiss
    import tantivy  # noqa: F401
    import test_sync  # noqa: F401

    import ingest.sync  # noqa: F401
    import rag.indexes  # noqa: F401
    from rag.language import detect_language  # noqa: F401

    faiss.omp_set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(serve_one(json.loads(line))), flush=True)


# The other end


class CrashServer:
    """Asks the warm process; it ends with this object."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        """The answer; a child that failed by itself gives its error in `result`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        named = {key: str(value) if isinstance(value, Path) else value
                 for key, value in request.items()}  # fmt: skip
        self._process.stdin.write(json.dumps({"action": action, **named}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def crash_server() -> Iterator[CrashServer]:
    server = CrashServer()
    try:
        yield server
    finally:
        server.close()


def copy_index(source: Path, target: Path) -> None:
    """A fresh copy; an index that was never made stays unmade."""
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)


if __name__ == "__main__":
    main()
