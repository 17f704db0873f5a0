"""`footnote chat` or `serve` as a process of its own, for what looks at the page or times it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 1200.0  # a busy machine reads, encodes and loads a model at the same time
LOOK_SECONDS = 0.5
SCRIPTED = ("bench.scripted_chat",)  # modules, with their first arguments
CHAT = ("rag.cli", "chat")
API = ("rag.cli", "serve")


@dataclass(frozen=True, slots=True)
class ChatServer:
    """Where a page runs, and as which process; 0 where that is not known."""

    url: str
    pid: int = 0

    def megabytes(self) -> float | None:
        """Memory that it holds with the processes below it; None where that cannot be read."""
        try:
            kilobytes = sum(_resident(pid) for pid in _tree(self.pid))
        except OSError:
            return None
        return round(kilobytes / 1000, 1)

    def held(self) -> dict[str, float | None]:
        """Its memory with that, and its own threads and open files. Linux only."""
        process = Path(f"/proc/{self.pid}")
        return {
            "mb": self.megabytes(),
            "threads": len(list((process / "task").iterdir())),
            "files": len(list((process / "fd").iterdir())),
        }


@contextmanager
def serving(
    folder: Path,
    *options: str,
    program: Sequence[str] = SCRIPTED,
    settings: Mapping[str, str] | None = None,
) -> Iterator[ChatServer]:
    """A page over `folder`/data, whose index is beside it, once it answers.

    `settings` are FOOTNOTE_* variables. The answers' cache is off: what is measured is made.
    """
    environment = os.environ | {"FOOTNOTE_CACHE_URL": "none", "PYTHONPATH": str(ROOT)}
    environment |= dict(settings or {})
    command = [sys.executable, "-m", *program, *options]
    command += ["--docs", "data", "--index", "index", "--port", "0"]
    log = folder / "log.txt"
    with (
        log.open("w", encoding="utf-8") as lines,
        subprocess.Popen(command, cwd=folder, env=environment, stderr=lines) as server,
    ):
        try:
            yield ChatServer(_url(log, server), server.pid)
        finally:
            server.terminate()
            server.wait(60)


def wait_until_read(url: str) -> None:
    """Until the folder has been read and questions are answered."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        library, health = _json(f"{url}/api/library"), _json(f"{url}/health")
        if library["last_sync"] and library["indexing"] is None and health["state"] == "ready":
            return
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"The page at {url} was not ready within {PATIENCE_SECONDS:.0f} s.")


def _url(log: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"is at (http://\S+)", log.read_text("utf-8")):
            return found[1]
        time.sleep(LOOK_SECONDS)
    raise SystemExit("The page did not start:\n" + log.read_text("utf-8"))


def _json(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def _tree(pid: int) -> Iterator[int]:
    """A process and those below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _resident(pid: int) -> int:
    """In kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) if found else 0
