"""The chat's side of the library, without Chainlit."""

from __future__ import annotations

import asyncio
import importlib.util
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_service import ScriptedService

from rag.chat import library
from rag.conversation_files import AddedFile, Conversations
from rag.library import EVERYBODY
from rag.web_chainlit import with_library
from rag.where import Where

CHAT = str(uuid.uuid4())


@pytest.fixture
def conversations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Conversations]:
    service = ScriptedService(tmp_path)
    monkeypatch.setattr(library, "conversation_id", lambda: CHAT)
    yield service.conversations
    service.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the page was told."""
    messages: list[dict[str, object]] = []

    async def tell(message: dict[str, object]) -> None:
        messages.append(message)

    monkeypatch.setattr(library, "_tell", tell)
    return messages


def test_commands_narrow_and_the_page_hears_of_it(
    conversations: Conversations, told: list[dict[str, object]]
) -> None:
    said = asyncio.run(library.command("/only pdf", conversations, EVERYBODY))
    assert said is not None and "only: pdf" in said
    assert asyncio.run(library.where(conversations, EVERYBODY)) == Where(types=("pdf",))
    assert library.narrowing(conversations, EVERYBODY) == Where(types=("pdf",))
    assert told == [{"narrowing": {"types": ["pdf"]}}]
    assert "全部文档" in str(asyncio.run(library.command("/全部", conversations, EVERYBODY)))
    assert not asyncio.run(library.where(conversations, EVERYBODY))


def test_a_wrong_command_changes_nothing_and_is_shown_as_text(
    conversations: Conversations, told: list[dict[str, object]]
) -> None:
    said = asyncio.run(library.command("/only <b>bold</b>[x](http://y)", conversations, EVERYBODY))
    assert said is not None and "\\<b>" in said and "](http" not in said
    assert told == [] and not conversations.narrowed(CHAT)


def test_a_file_of_another_conversation_is_nothing_to_narrow_to(
    conversations: Conversations, told: list[dict[str, object]]
) -> None:
    elsewhere = str(uuid.uuid4())
    for chat, name in ((elsewhere, "zebra.txt"), (CHAT, "heron.txt")):
        with conversations.receive(name, 4, chat) as coming:
            coming.write(b"text")
            coming.finish()
    conversations.narrow(CHAT, Where(types=("pdf",)))  # a new command takes the old one's place
    for command in ("/only zebra.txt", f"/only chat-{elsewhere}/", "/only zebra*"):
        said = asyncio.run(library.command(command, conversations, EVERYBODY))
        assert said is not None and ("/only" in said or "/all" in said) and told == []
    said = asyncio.run(library.command("/only heron.txt", conversations, EVERYBODY))
    assert said is not None and "heron.txt" in said
    assert told == [{"narrowing": {"documents": ["heron.txt"]}}]


def test_a_wrong_command_is_answered_in_its_language(
    conversations: Conversations, told: list[dict[str, object]]
) -> None:
    said = asyncio.run(library.command("/只查 不存在", conversations, EVERYBODY))
    assert said is not None and said.startswith("“不存在”不是这里的文件夹") and told == []


def test_a_question_is_no_command(conversations: Conversations) -> None:
    assert asyncio.run(library.command("What is only?", conversations, EVERYBODY)) is None


def test_a_question_waits_for_files_and_says_so(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([2, 1, 1, 0])
    monkeypatch.setattr(conversations, "num_unsettled", lambda key, who: next(counts))
    monkeypatch.setattr(library, "LOOK_SECONDS", 0)
    lines: list[str] = []

    async def show(line: str) -> None:
        lines.append(line)

    assert asyncio.run(library.until_read(conversations, EVERYBODY, "en", show)) == ""
    assert [line.partition("(")[2][:1] for line in lines] == ["2", "1"]


def test_a_question_does_not_wait_for_ever(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "num_unsettled", lambda key, who: 1)
    monkeypatch.setattr(library, "MAX_WAIT_SECONDS", -1)

    async def show(line: str) -> None: ...

    late = asyncio.run(library.until_read(conversations, EVERYBODY, "zh", show))
    assert late == library.WORDS["zh"]["late"]


def test_both_languages_have_the_same_words() -> None:
    assert library.WORDS["en"].keys() == library.WORDS["zh"].keys()


def test_the_page_loads_the_library() -> None:
    chainlit = importlib.util.find_spec("chainlit")
    assert chainlit is not None and chainlit.origin is not None
    built = Path(chainlit.origin).with_name("frontend") / "dist" / "index.html"
    page = with_library(built.read_text("utf-8"))
    assert page.count("/public/library.js") == page.count("/public/library.css") == 1
    script = page.index('src="/public/library.js"')
    # Chainlit's own script tells it, once, which conversation is open.
    assert page.count("<head>") == 1 and script < page.index('type="module" crossorigin')
    looks = page.index('href="/public/library.css"')
    assert page.rindex('rel="stylesheet" crossorigin') < looks < page.index("<body>")


def test_a_file_is_named_to_the_page_as_the_library_names_it() -> None:
    """By its path, too: narrowed to an id, a conversation finds nothing once the file changes."""
    file = AddedFile("/index/uploads/local/kept/a.txt", "a.txt", 3, True, "ready", 7)
    told = file.as_json()
    assert (told["path"], told["name"], told["id"]) == (file.path, "a.txt", 7)
