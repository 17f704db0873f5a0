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


def test_of_a_session_that_has_ended_no_message_stays_in_memory(tmp_path: Path) -> None:
    environment = os.environ | {"CHAINLIT_APP_ROOT": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", ENDED_SESSION]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == ["held: s s", "ended:", "stopped:"]
