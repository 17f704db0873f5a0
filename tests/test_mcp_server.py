"""The tools as the SDK's own client sees them: in memory, over stdio, over HTTP on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fakes import WordEncoder
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.memory import create_connected_server_and_client_session

from ingest.sync import sync
from rag import mcp_server
from rag.errors import ModelError, SearchError
from rag.indexes import Indexes
from rag.mcp_server import check, create_http_app, create_server
from rag.pipeline import Footnote
from rag.serve import bind
from rag.uploads import UPLOADS_FOLDER, UploadLimits, Uploads

REPOSITORY = Path(__file__).resolve().parent.parent
PROCESS = REPOSITORY / "tests" / "mcp_process.py"
PUMP = "The pump is blue."
TOOLS = ["search", "ask", "read_document", "list_documents"]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from test_sync import DirectReader

    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text(PUMP)
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as opened:
        sync(opened, WordEncoder(), [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        opened.claim_encoder(WordEncoder().fingerprint)
    return tmp_path / "index"


class Running:
    """A service over the index; `loading` looks come back empty before it is ready."""

    def __init__(self, indexes: Indexes, loading: int = 0) -> None:
        self.catalog = indexes.catalog
        self.footnote: Any = Footnote(indexes, WordEncoder(), None)
        self.loading = loading
        self.error: Exception | None = None

    def wait(self, timeout: float | None = None) -> bool:
        if self.error:
            raise self.error
        self.loading -= 1
        return self.loading < 0

    def state(self) -> str:
        return "Loading the encoder"


@pytest.fixture
def running(index: Path) -> Any:
    with Indexes(index, dimension=1024, read_only=True) as indexes:
        yield Running(indexes)


def talk(server: Any, act: Callable[[ClientSession], Awaitable[None]]) -> None:
    """Let a client in the same process act."""

    async def main() -> None:
        async with create_connected_server_and_client_session(server) as session:
            with anyio.fail_after(60):
                await act(session)

    anyio.run(main)


def test_a_client_finds_four_tools_that_read(running: Any) -> None:
    async def act(session: ClientSession) -> None:
        tools = (await session.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        for tool in tools:
            assert tool.annotations and tool.annotations.readOnlyHint
            assert not tool.annotations.openWorldHint and tool.description

    talk(create_server(running), act)


def test_progress_is_told_to_who_asks_for_it(running: Any) -> None:
    running.loading = 2
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async def act(session: ClientSession) -> None:
        question = {"question": "Which colour is the pump?"}
        result = await session.call_tool("ask", question, progress_callback=hear)
        assert not result.isError and result.structuredContent is not None
        assert result.structuredContent["citations"][0]["quote"] == PUMP
        assert not (await session.call_tool("ask", question)).isError

    talk(create_server(running), act)
    assert [message for _, message in heard][:2] == ["Loading the encoder"] * 2
    assert "1 passages found" in [message for _, message in heard]
    steps = [progress for progress, _ in heard]
    assert steps == sorted(set(steps)) and heard[-1][1] == "done"


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {}, "'query' is a required property"),
        ("search", {"query": ""}, "'query'"),
        ("search", {"query": "x" * 100_000}, "too long"),
        ("search", {"query": "x", "top_k": 0}, "'top_k'.*minimum"),
        ("search", {"query": "x", "top_k": 10**9}, "'top_k'.*maximum"),
        ("search", {"query": "x", "mode": "magic"}, "'mode'"),
        ("search", {"query": "x", "colour": "blue"}, "'colour' was unexpected"),
        ("search", {"query": "x", "types": ["nonsense"]}, "filter by type"),
        ("search", {"query": "x", "after": "soon"}, "2024-12-31"),
        ("search", {"query": "x", "folders": [3]}, r"'folders\.0'"),
        ("read_document", {"document": 99}, "no document 99"),
        ("read_document", {"document": True}, "'document'"),
        ("list_documents", {"limit": 10**6}, "'limit'"),
        ("delete", {}, "There is no tool 'delete'"),
    ],
)
def test_what_is_wrong_is_a_tools_error_with_the_cure(
    running: Any, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async def act(session: ClientSession) -> None:
        result = await session.call_tool(tool, arguments)
        assert result.isError
        (content,) = result.content
        assert content.type == "text" and len(content.text) < 1000
        with pytest.raises(SearchError, match=words):
            raise SearchError(content.text)

    talk(create_server(running), act)


def test_what_keeps_it_from_working_is_said(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def act(session: ClientSession) -> None:
        running.error = ModelError("No weights. Fetch them: footnote models fetch")
        result = await session.call_tool("search", {"query": "pump"})
        assert result.isError and "models fetch" in str(result.content)
        running.error, running.footnote = None, None
        result = await session.call_tool("search", {"query": "pump"})
        assert result.isError and "Its log says more" in str(result.content)

    talk(create_server(running), act)
    assert "the tool search failed" in caplog.text


def test_a_client_that_leaves_stops_the_answer(running: Any) -> None:
    begun, closed = threading.Event(), threading.Event()

    class Endless:
        def stream(self, question: str, options: Any) -> Any:
            from rag.types import SourcesFound

            try:
                while True:
                    begun.set()
                    yield SourcesFound((), ())
            finally:
                closed.set()

    running.footnote = Endless()

    async def act(session: ClientSession) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(session.call_tool, "ask", {"question": "?"})
            assert await anyio.to_thread.run_sync(begun.wait, 30)
            group.cancel_scope.cancel()
        from mcp import types

        cancelled = types.CancelledNotification(
            params=types.CancelledNotificationParams(requestId=1, reason="left")
        )
        await session.send_notification(types.ClientNotification(cancelled))
        assert await anyio.to_thread.run_sync(closed.wait, 30)

    talk(create_server(running), act)


def test_arguments_of_an_unknown_tool_are_the_tools_matter() -> None:
    check("unknown", {"x": 1})
    with pytest.raises(SearchError, match="tools/list"):
        check("ask", {"question": 3})


def stdio(index: Path, *more: str) -> StdioServerParameters:
    arguments = [str(PROCESS), "--index", str(index), *more]
    environment = {"FOOTNOTE_GENERATOR": "none", "PATH": "/usr/bin:/bin"}
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment)


def test_over_stdio_nothing_but_the_protocol_is_spoken(index: Path, tmp_path: Path) -> None:
    async def main(errors: Any) -> None:
        async with (
            stdio_client(stdio(index), errlog=errors) as (read, write),
            ClientSession(read, write) as session,
        ):
            with anyio.fail_after(120):
                told = await session.initialize()
                assert told.serverInfo.name == "footnote" and "never follow" in str(
                    told.instructions
                )
                assert [tool.name for tool in (await session.list_tools()).tools] == TOOLS
                found = await session.call_tool("search", {"query": "blue pump"})
                assert found.structuredContent is not None, found
                hit = found.structuredContent["hits"][0]
                assert hit["text"] == PUMP
                answer = await session.call_tool("ask", {"question": "Which colour is the pump?"})
                assert answer.structuredContent is not None
                assert answer.structuredContent["citations"][0]["quote"] == PUMP
                read_back = await session.call_tool("read_document", {"document": hit["document"]})
                assert read_back.structuredContent is not None
                assert read_back.structuredContent["text"] == PUMP
                listed = await session.call_tool("list_documents", {})
                assert listed.structuredContent is not None
                assert [d["title"] for d in listed.structuredContent["documents"]] == ["pump"]
                assert (await session.call_tool("search", {})).isError

    with (tmp_path / "errors.txt").open("w+") as errors:
        anyio.run(main, errors)
        errors.seek(0)
        said = errors.read()
    assert "loading weights" in said and "a warning from C" in said
    assert "Traceback" not in said


def test_without_an_index_it_ends_and_says_so(tmp_path: Path) -> None:
    parameters = stdio(tmp_path / "none")
    done = subprocess.run(
        [parameters.command, *parameters.args],
        env=parameters.env, capture_output=True, text=True, input="", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    assert "Index a folder first" in done.stderr and "Traceback" not in done.stderr


def test_what_is_no_protocol_does_not_end_it(index: Path) -> None:
    parameters = stdio(index)
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        },
    }  # fmt: skip
    lines = ["not json", '{"jsonrpc": "2.0"}', json.dumps(hello)]
    done = subprocess.run(
        [parameters.command, *parameters.args],
        env=parameters.env, capture_output=True, text=True, input="\n".join(lines) + "\n",
        timeout=120, check=False,
    )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and any(one.get("id") == 1 and "result" in one for one in told)


@asynccontextmanager
async def over_http(server: Any) -> AsyncIterator[str]:
    """The application on a free port of loopback."""
    import uvicorn

    bound = bind("127.0.0.1", 0)
    config = uvicorn.Config(create_http_app(server), log_level="warning")
    web = uvicorn.Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: web.serve(sockets=[bound]))
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}{mcp_server.HTTP_PATH}"
        finally:
            web.should_exit = True


def test_over_http_the_same_tools_answer(running: Any) -> None:
    async def main() -> None:
        async with (
            over_http(create_server(running)) as url,
            streamable_http_client(url) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            with anyio.fail_after(60):
                await session.initialize()
                found = await session.call_tool("search", {"query": "pump"})
                assert found.structuredContent is not None
                assert found.structuredContent["hits"][0]["text"] == PUMP
                with pytest.raises(McpError):
                    await session.read_resource("file:///etc/passwd")  # type: ignore[arg-type]

    anyio.run(main)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)],
)
def test_over_http_other_sites_are_kept_out(
    running: Any, headers: dict[str, str], status: int
) -> None:
    async def main() -> None:
        async with over_http(create_server(running)) as url, httpx.AsyncClient() as client:
            accepted = {"accept": "application/json, text/event-stream"}
            response = await client.post(url, json={}, headers=accepted | headers)
            assert response.status_code == status

    anyio.run(main)


def test_it_does_not_listen_off_loopback(
    index: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fake_models: None,
) -> None:
    from rag import cli

    monkeypatch.setattr(
        sys, "argv", ["footnote", "mcp", "--http", "--host", "0.0.0.0", "--index", str(index)]
    )
    with pytest.raises(SystemExit):
        cli.main()
    assert "no login" in capsys.readouterr().err


def test_what_others_added_meanwhile_is_not_shown(
    index: Path, monkeypatch: pytest.MonkeyPatch, fake_models: None
) -> None:
    from test_cli import run

    def add(owner: str, conversation: str | None, text: str) -> str:
        uploads = Uploads(index / UPLOADS_FOLDER, UploadLimits(10**6, 10**6, frozenset(), 60.0))
        folder = uploads.collection(owner, conversation)
        folder.mkdir(parents=True)
        (folder / "note.txt").write_text(text)
        with Indexes(index, dimension=1024, read_only=False) as opened:
            roots = [index.parent / "docs", uploads.folder]
            sync(opened, WordEncoder(), roots, max_file_bytes=10**6, max_chunk_tokens=100)
        return str(folder / "note.txt")

    async def act(session: ClientSession) -> None:
        async def told(tool: str, **arguments: Any) -> str:
            return str(await session.call_tool(tool, arguments))

        assert "pump.txt" in await told("list_documents")
        add("local", None, "My own pump note.")
        hidden = [
            add("anna", None, "The secret pump of Anna."),
            add("local", str(uuid.uuid4()), "The secret pump of a conversation."),
        ]
        listed = await told("list_documents")
        assert "pump.txt" in listed and "kept/note.txt" in listed
        for path in hidden:
            assert path not in listed
            assert "There is no document" in await told("read_document", document=path)
        assert "The secret" not in await told("search", query="secret pump")
        assert "The secret" not in await told("ask", question="Whose is the secret pump?")

    monkeypatch.setattr("rag.cli_mcp._serve", lambda server, *_: talk(server, act))
    monkeypatch.setenv("FOOTNOTE_GENERATOR", "none")
    assert run(monkeypatch, "mcp", "--index", str(index)) == 0
