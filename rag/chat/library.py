"""The library on the chat page: which conversation it is, what narrows it, files that came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rag.chat.markdown import MarkdownEscaper
from rag.chat.texts import language_of
from rag.chat.waiting import progress_text
from rag.conversation_files import Conversations
from rag.errors import FootnoteError
from rag.library import Asker
from rag.narrowing import chips, is_narrowing, narrowing_of
from rag.where import Where

LOOK_SECONDS = 0.25  # between looks at files that are being read
MAX_WAIT_SECONDS = 600.0

WORDS = {
    "en": {
        "reading": "Reading the files that you added ({count} to go)",
        "narrowed": "Questions are answered from these only: {what}",
        "widened": "Questions are answered from all documents again.",
        "colon": ": ",
        "late": "The files that you added are not read yet; this answer is without them.",
    },
    "zh": {
        "reading": "正在读取您添加的文件（还有 {count} 个）",
        "narrowed": "今后只根据以下内容回答：{what}",
        "widened": "今后又根据全部文档回答。",
        "colon": "：",
        "late": "您添加的文件尚未读完，本次回答不包含它们。",
    },
}

ShowLine = Callable[[str], Awaitable[None]]


def conversation_id() -> str:
    """The conversation that this code runs for."""
    from chainlit.context import context

    return str(context.session.thread_id)


async def greet() -> None:
    """Tell the page which conversation it shows; at its start and when it is resumed."""
    await _tell({"conversation": conversation_id()})


async def _tell(message: dict[str, Any]) -> None:
    from chainlit import send_window_message

    await send_window_message({"footnote": message})


async def command(text: str, conversations: Conversations, who: Asker) -> str | None:
    """Do what a message commands, and what is said of it, in Markdown; None for a question."""
    if not is_narrowing(text):
        return None
    language = language_of(text)
    words = WORDS[language]
    here = conversations.here(conversation_id(), who)
    try:
        where = await asyncio.to_thread(narrowing_of, text, conversations.library, here, language)
    except FootnoteError as error:
        return _escaped(str(error))
    await asyncio.to_thread(conversations.narrow, conversation_id(), where, who)
    await _tell({"narrowing": where.as_json()})
    told = words["narrowed"].format(what=", ".join(chips(where))) if where else words["widened"]
    return _escaped(told)


def _escaped(text: str) -> str:
    escaper = MarkdownEscaper()
    return escaper.feed(text) + escaper.finish()


def narrowing(conversations: Conversations, who: Asker) -> Where:
    """What this conversation's questions are narrowed to, by the asker's own choice."""
    return conversations.narrowed(conversation_id(), who)


async def where(conversations: Conversations, who: Asker) -> Where:
    """What the next question of this conversation is answered from."""
    return await asyncio.to_thread(conversations.where, conversation_id(), who)


async def until_read(
    conversations: Conversations, who: Asker, language: str, show: ShowLine
) -> str:
    """Wait until the files that were added can be found; a line to say if they cannot yet."""
    key, words = conversation_id(), WORDS[language]
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    shown = ""
    while count := await asyncio.to_thread(conversations.num_unsettled, key, who):
        if time.monotonic() > deadline:
            return words["late"]
        progress = progress_text(conversations.library.sync_state().indexing or "", language)
        line = words["reading"].format(count=count)
        line += words["colon"] + progress if progress else ""
        if line != shown:
            await show(line)
            shown = line
        await asyncio.sleep(LOOK_SECONDS)
    return ""


async def end(conversations: Conversations, who: Asker) -> None:
    """The conversation is left for a new one; unless it is kept, nobody can come back to it."""
    from chainlit.data import get_data_layer

    if get_data_layer() is None:
        await asyncio.to_thread(conversations.forget, conversation_id(), who)
