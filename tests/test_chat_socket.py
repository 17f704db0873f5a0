"""The page's events, in a process of their own: Chainlit is not for one that has other tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from page_service import REPOSITORY

ENDED_SESSION = """
import asyncio
from chainlit.chat_context import chat_contexts
from chainlit.context import init_ws_context
from chainlit.message import Message
from chainlit.session import WebsocketSession
from chainlit.user_session import user_session, user_sessions
from rag.chat import socket

async def nothing(*_):
    pass

async def main():
    socket.install(nothing)
    session = WebsocketSession("s", "k", nothing, nothing, {}, "webapp")
    init_ws_context(session)
    message = Message(content="An answer")
    await message.send()
    user_session.set("memory", 1)
    begun = asyncio.Event()

    async def answer():
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await message.update()  # as an answer that is stopped does
            user_session.set("memory", 2)

    session.current_task = asyncio.create_task(answer())
    await begun.wait()
    print("held:", *chat_contexts, *user_sessions)
    await session.delete()
    print("ended:", *chat_contexts, *user_sessions)
    session.current_task.cancel()
    await asyncio.wait({session.current_task})
    await asyncio.sleep(0)
    print("stopped:", *chat_contexts, *user_sessions)

asyncio.run(main())
"""


EARLY_QUESTION = """
import asyncio
from types import SimpleNamespace
from rag.chat import socket

async def main():
    said = []
    session = SimpleNamespace(current_task=None)

    async def settings():
        await asyncio.sleep(0)
        said.append("settings")

    async def first():
        said.append("asked")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            said.append("stopped")
            raise

    async def second():
        said.append("asked again")

    session.current_task = asyncio.create_task(settings())  # as Chainlit begins a conversation
    await socket.begin(session, first())
    await asyncio.sleep(0)
    await socket.begin(session, second())
    await session.current_task
    print(", ".join(said))

asyncio.run(main())
"""


def last_lines(script: str, folder: Path, count: int) -> list[str]:
    environment = os.environ | {"CHAINLIT_APP_ROOT": str(folder), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-count:]


def test_of_a_session_that_has_ended_no_message_stays_in_memory(tmp_path: Path) -> None:
    assert last_lines(ENDED_SESSION, tmp_path, 3) == ["held: s s", "ended:", "stopped:"]


def test_a_question_stops_the_answer_before_it_and_not_what_a_conversation_begins_with(
    tmp_path: Path,
) -> None:
    (said,) = last_lines(EARLY_QUESTION, tmp_path, 1)
    assert said == "settings, asked, stopped, asked again"
