"""The wall clock is set to and fro under a running service: nothing is lost, no limit opens."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fault_service import ASKED, PATIENCE_SECONDS, QUOTED, eventually
from test_accounts import CHEAP, PASSWORD
from test_json_web_tokens import AUDIENCE, ISSUER, KEY, key_set, token

from rag.accounts import Accounts
from rag.api_keys import ApiKeys
from rag.audit import read_entries

REPOSITORY = Path(__file__).resolve().parent.parent
DAY_SECONDS = 86_400
YEAR_DAYS = 400
REQUESTS_PER_MINUTE = 40
CHAT = "11111111-1111-4111-8111-111111111111"
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Set:
    """A service in a process whose wall clock can be set."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder = folder
        self.questions = 0
        self._offset = folder / "offset"
        self.set_clock(0)
        (folder / "jwks.json").write_bytes(key_set(one=KEY))
        with closing(Accounts(folder / "accounts.sqlite", cost=CHEAP)) as accounts:
            accounts.add("anna", PASSWORD, admin=False)
        with closing(ApiKeys(folder / "keys.sqlite")) as keys:
            self.keys = {"short": keys.create("short", admin=False, days=90)}
            self.keys["often"] = keys.create("often", admin=False)
        settings = {
            "sign_in": "password", "accounts": str(folder / "accounts.sqlite"),
            "jwt_keys": str(folder / "jwks.json"), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE,
            "cache_url": "auto", "requests_per_minute": REQUESTS_PER_MINUTE,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "tests/fault_service.py", str(folder), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}",
                 "LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(self._offset)},
        )  # fmt: skip
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.url = told.pop("url")
        self.keys |= told

    def set_clock(self, seconds: float) -> None:
        """To so much ahead of the machine's."""
        data = struct.pack("q", round(seconds))
        with self._offset.open("r+b" if self._offset.exists() else "wb") as stream:
            stream.write(data)

    def client(self, shown: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)

    def status(self, shown: str) -> int:
        with self.client(shown) as client:
            return client.get("/v1/models").status_code

    def entries(self) -> list[dict[str, Any]]:
        return list(read_entries(self.folder / "index" / "audit", LONG_AGO))

    def ask(self) -> str:
        """What the cache said to a question, which is answered in any case."""
        self.questions += 1
        with self.client(self.keys["admin"]) as client:
            response = client.post("/api/ask", json={"question": ASKED})
        assert response.status_code == 200, response.text
        assert response.json()["citations"][0]["quote"] == QUOTED
        ahead = struct.unpack("q", self._offset.read_bytes())[0]
        today = datetime.fromtimestamp(time.time() + ahead, UTC).date().isoformat()
        lines = (self.folder / "index" / "audit" / f"audit-{today}.jsonl").read_text().splitlines()
        return str(json.loads(lines[-1])["cache"])

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(PATIENCE_SECONDS) == 0


def last_sync(client: httpx.Client) -> str:
    return str(client.get("/api/library").json()["last_sync"])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets the clock of the process that loads it."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("setting a process's clock needs Linux and a C compiler")
    made = tmp_path_factory.mktemp("clock") / "wall_clock.so"
    source = REPOSITORY / "tests" / "wall_clock.c"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[Set]:
    made = Set(tmp_path_factory.mktemp("service"), library)
    yield made
    made.close()


@pytest.fixture
def service(running: Set) -> Iterator[Set]:
    yield running
    running.set_clock(0)


def test_the_clock_of_the_process_is_set(service: Set) -> None:
    """Else the tests below would show nothing."""
    service.set_clock(YEAR_DAYS * DAY_SECONDS)
    ahead = datetime.now(UTC) + timedelta(days=YEAR_DAYS - 1)
    with service.client(service.keys["admin"]) as client:
        answer = client.post("/v1/chat/completions", json={
            "messages": [{"role": "user", "content": ASKED}]})  # fmt: skip
    service.questions += 1
    assert answer.json()["created"] > ahead.timestamp()


def test_nothing_of_the_past_is_deleted_and_all_is_written_down(service: Set) -> None:
    assert service.ask() in ("hit", "miss")
    folder = service.folder / "index" / "audit"
    old = (datetime.now(UTC) - timedelta(days=20)).date().isoformat()
    line = {"time": f"{old}T12:00:00+00:00", "kind": "ask"}
    (folder / f"audit-{old}.jsonl").write_text(json.dumps(line) + "\n")
    with service.client(service.keys["short"]) as client:
        path = f"/api/documents?name=magnets.txt&conversation={CHAT}"
        assert client.post(path, content=b"Magnets attract iron.").status_code == 201
    for days in (YEAR_DAYS, -YEAR_DAYS, 1, 0):
        service.set_clock(days * DAY_SECONDS)
        assert service.ask() in ("hit", "miss") and service.ask() == "hit"
        with service.client(service.keys["admin"]) as client:
            before = last_sync(client)
            assert client.post("/api/sync").status_code == 202
            eventually(lambda: last_sync(client) != before, "it looked", 1.0)  # noqa: B023
            assert client.get("/readyz").json()["ready"] is True
    with service.client(service.keys["short"]) as client:
        (file,) = client.get(f"/api/conversations/{CHAT}/files").json()["files"]
    assert file["name"] == "magnets.txt"
    days_written = {path.name for path in folder.glob("audit-*.jsonl")}
    assert f"audit-{old}.jsonl" in days_written and len(days_written) >= 5
    assert len(service.entries()) == service.questions + 1


def test_who_may_come_in_is_as_the_clock_says(service: Set) -> None:
    shown = token(exp=time.time() + 3600)
    with service.client() as anna:
        form = {"username": "anna", "password": PASSWORD}
        assert anna.post("/login", data=form).status_code == 200
        for days, expected in ((0, 200), (YEAR_DAYS, 401), (-YEAR_DAYS, 200), (0, 200)):
            service.set_clock(days * DAY_SECONDS)
            assert anna.get("/v1/models").status_code == expected, days
            assert service.status(service.keys["short"]) == expected, days
            assert service.status(shown) == expected, days
            assert service.status(service.keys["admin"]) == 200
    for seconds, expected in ((3590, 200), (3620, 200), (3660, 401), (0, 200)):
        service.set_clock(seconds)
        assert service.status(shown) == expected, seconds  # 30 s of leeway
    early = token(exp=time.time() + 3600, nbf=time.time() + 20)
    assert service.status(early) == 200
    service.set_clock(-60)
    assert service.status(early) == 401


def test_no_limit_opens_or_stays_shut(service: Set) -> None:
    def admitted() -> int:
        """How many requests pass before one does not."""
        with service.client(service.keys["often"]) as client:
            for number in range(10 * REQUESTS_PER_MINUTE):
                response = client.get("/v1/models")
                if response.status_code == 429:
                    assert 1 <= int(response.headers["retry-after"]) <= 60
                    return number
        raise AssertionError("there is no limit")

    assert admitted() >= REQUESTS_PER_MINUTE
    for days in (YEAR_DAYS, -YEAR_DAYS, 0):
        service.set_clock(days * DAY_SECONDS)
        assert admitted() < REQUESTS_PER_MINUTE / 2
