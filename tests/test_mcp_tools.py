from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder
from small_index import CATS, indexed

from ingest.sync import sync
from rag import mcp_schemas, mcp_tools
from rag.errors import FootnoteError, SearchError
from rag.indexes import Indexes
from rag.mcp_tools import Tools
from rag.pipeline import Footnote
from rag.where import Where

PUMP = "The pump holds 1400 litres. The warranty of the pump lasts two years."


class Running:
    """What the tools need of a service."""

    def __init__(self, indexes: Indexes, generator: ScriptedGenerator | None) -> None:
        self.catalog = indexes.catalog
        self.footnote = Footnote(indexes, WordEncoder(), generator, max_answer_tokens=100)


@pytest.fixture
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Indexes]:
    from test_sync import DirectReader

    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)
    texts = {
        "a/pump.txt": PUMP,
        "b/pump.txt": "The old pump was red.",
        "b/cat.txt": CATS,
        "secret/pay.txt": "The pump of the director cost 9000 euros.",
    }
    with indexed(tmp_path, texts) as opened:
        yield opened


OPEN = ("a", "b")


@pytest.fixture
def tools(indexes: Indexes, tmp_path: Path) -> Tools:
    """For a caller who may not see the secret folder."""
    folders = tuple(str(tmp_path / "docs" / name) for name in OPEN)
    return Tools(Running(indexes, None), lambda: Where(folders=folders))


def untold(progress: float, total: float | None, line: str) -> None:
    pass


def call(tools: Tools, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return tools.call(name, arguments, untold)


def test_searching_shows_what_can_be_read(tools: Tools) -> None:
    text, told = call(tools, "search", query="warranty pump", top_k=2)
    hit = told["hits"][0]
    assert hit["path"].endswith("a/pump.txt") and len(told["hits"]) <= 2
    assert f"(document {hit['document']}, {hit['start']}-{hit['end']})" in text
    read, span = call(
        tools, "read_document", document=hit["document"], start=hit["start"], end=hit["end"]
    )
    assert read == span["text"] == hit["text"]
    assert call(tools, "search", query="pump", folders=["nowhere"])[0].endswith(
        "Nothing was found."
    )


def test_nobody_sees_what_the_caller_may_not(tools: Tools, indexes: Indexes) -> None:
    (secret,) = (d for d in indexes.catalog.documents() if d.path.endswith("pay.txt"))
    for arguments in ({}, {"folders": ["secret"]}, {"documents": [secret.document_id]}):
        _, told = call(tools, "search", query="director pump euros", **arguments)
        assert all("secret" not in hit["path"] for hit in told["hits"])
        text, told = call(tools, "ask", question="What did the director's pump cost?", **arguments)
        assert "9000" not in text + str(told)
    _, told = call(tools, "list_documents")
    assert len(told["documents"]) == 3 and "secret" not in str(told)
    unknown = secret.document_id + 1000
    errors = []
    for named in (secret.document_id, secret.path, unknown):
        with pytest.raises(SearchError) as caught:
            call(tools, "read_document", document=named)
        errors.append(str(caught.value).replace(repr(named), "X"))
    assert len(set(errors)) == 1  # not even that it is there


def test_an_answer_cites_and_tells_how_far_it_is(indexes: Indexes) -> None:
    generator = ScriptedGenerator("The warranty of the pump lasts two years [1].")
    lines: list[tuple[float, str]] = []
    tools = Tools(Running(indexes, generator))
    text, told = tools.call(
        "ask",
        {"question": "How long is the warranty of the pump?"},
        lambda progress, total, line: lines.append((progress, line)),
    )
    (citation,) = told["citations"]
    assert (
        citation["quote"] == "The warranty of the pump lasts two years." and citation["supported"]
    )
    assert PUMP[citation["start"] : citation["end"]] == citation["quote"]
    assert f'[1] pump (document {citation["document"]}): "The warranty' in text
    assert told["answer"] in text and set(told) == set(mcp_tools.ANSWER_KEYS)
    steps = [progress for progress, _ in lines]
    assert steps == sorted(set(steps)) and "passages found" in lines[0][1]
    assert [line for _, line in lines][-2:] == ["writing the answer", "done"]


def test_who_leaves_stops_the_model(indexes: Indexes) -> None:
    class Left(Exception):
        pass

    def leave(progress: float, total: float | None, line: str) -> None:
        if line == "writing the answer":
            raise Left

    generator = ScriptedGenerator("The warranty of the pump lasts two years [1]. " * 3)
    with pytest.raises(Left):
        Tools(Running(indexes, generator)).call(
            "ask", {"question": "How long is the warranty?"}, leave
        )
    assert generator.generations[0].is_closed


def test_reading_goes_on_where_it_ended(
    tools: Tools, indexes: Indexes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tools, "USUAL_READ_CHARACTERS", 7)
    monkeypatch.setattr(mcp_tools, "MAX_READ_CHARACTERS", 10)
    text, start = "", 0
    while start is not None:
        read, told = call(tools, "read_document", document="a/pump.txt", start=start)
        assert told["num_characters"] == len(PUMP) and len(read) <= 7
        text, start = text + read, told["next_start"]
    assert text == PUMP
    read, told = call(tools, "read_document", document="a/pump.txt", start=4, end=60)
    assert (read, told["end"], told["next_start"]) == (PUMP[4:14], 14, 14)
    assert call(tools, "read_document", document="a/pump.txt", end=0)[0] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"document": "pump.txt"}, "2 documents are called 'pump.txt'"),
        ({"document": "a/pump.txt", "start": 10_000}, "has 69 characters"),
        ({"document": "a/pump.txt", "start": 5, "end": 4}, "end after the start"),
        ({"document": "a/pump.txt", "page": 1}, "has no pages"),
        ({"document": "a/pump.txt", "page": 1, "start": 0}, "not both"),
        ({"document": "nothing.txt"}, "list_documents"),
        ({"document": 0}, "neither the id nor the path"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_cure(
    tools: Tools, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(FootnoteError, match=words):
        call(tools, "read_document", **arguments)


def test_a_page_is_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from test_sync import DATA, DirectReader

    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)
    (pdf, *_) = sorted(DATA.rglob("*.pdf"))
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as indexes:
        sync(indexes, encoder, [pdf], max_file_bytes=10**8, max_chunk_tokens=100)
        tools = Tools(Running(indexes, None))
        (document,) = call(tools, "list_documents")[1]["documents"]
        number = document["document"]
        whole = indexes.catalog.document_text(number)
        chunks = indexes.catalog.chunks_of(number)
        last = max(chunk.page or 0 for chunk in chunks)
        assert last > 1
        joined = ""
        for page in sorted({chunk.page for chunk in chunks if chunk.page}):
            read, told = call(tools, "read_document", document=number, page=page)
            assert told["pages"][0] == page and joined + read == whole[: told["end"]]
            joined += read
        assert joined == whole
        with pytest.raises(SearchError, match=f"has {last} pages"):
            call(tools, "read_document", document=number, page=last + 1)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_the_list_comes_in_parts_that_make_the_whole(tools: Tools, limit: int) -> None:
    whole = call(tools, "list_documents")[1]["documents"]
    found, more = [], {}
    while more is not None:
        _, told = call(tools, "list_documents", limit=limit, **more)
        assert 0 < len(told["documents"]) <= limit
        found += told["documents"]
        more = {"cursor": told["next_cursor"]} if told["next_cursor"] else None
    assert found == whole and len(whole) == 3
    only = call(tools, "list_documents", folders=["b"], globs=["c*"])[1]["documents"]
    assert [one["title"] for one in only] == ["cat"]


def test_an_unknown_tool_is_said(tools: Tools) -> None:
    with pytest.raises(SearchError, match="search, ask, read_document, list_documents"):
        call(tools, "delete")


def test_every_schema_closes_the_door_to_other_arguments() -> None:
    schemas: Mapping[str, Any] = mcp_schemas.schemas()
    assert set(schemas) == {"search", "ask", "read_document", "list_documents"}
    for schema in schemas.values():
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
