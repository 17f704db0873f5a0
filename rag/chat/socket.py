"""How the page's events begin, stop and follow each other, where Chainlit's own way would not do.

Leans on Chainlit's inner workings, whose version is pinned. Its own handlers stop an answer with a
message in English, cannot stop the answer to an edited question, and forget on a new connection
that an answer is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import chainlit.socket as theirs
from chainlit.chat_context import chat_context, chat_contexts
from chainlit.config import config
from chainlit.context import init_ws_context
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.user_session import user_sessions

USER_MESSAGE = "user_message"
GIVES_WAY = "footnote-gives-way"  # the name of a task that the next question ends


def install(
    show_again: Callable[[], Awaitable[None]], resumed: Callable[[], None] = lambda: None
) -> None:
    """Take over the events. `show_again` sends what a lost connection may have swallowed.

    `resumed` is called once the page shows a conversation that was kept.
    """

    async def connected(sid: str) -> None:
        session = WebsocketSession.get(sid)
        if session and session.restored and session.has_first_interaction:
            await _reconnected(session, show_again)
        else:
            await theirs.connection_successful(sid)
            if session and session.thread_id_to_resume:
                init_ws_context(session)
                resumed()

    _forget_ended_sessions()
    sio.on("stop", stop)
    sio.on("edit_message", edit)
    sio.on("client_message", ask)
    sio.on("connection_successful", connected)


def _forget_ended_sessions() -> None:
    """Chainlit keeps the messages of a session for good, though the session has ended."""
    delete = WebsocketSession.delete

    async def delete_all(self: Any) -> None:
        await delete(self)
        _forget_messages(self.id)
        if self.current_task is not None:  # what it says at its end makes the entry anew
            self.current_task.add_done_callback(lambda _: _forget_messages(self.id))

    WebsocketSession.delete = delete_all


def _forget_messages(session_id: str) -> None:
    chat_contexts.pop(session_id, None)
    user_sessions.pop(session_id, None)


async def stop(sid: str) -> None:
    """Stop what is under way; its handler says so."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        if session.current_task:
            session.current_task.cancel()


async def ask(sid: str, payload: Any) -> None:
    """A new question; one that is still being answered gives way to it."""
    session = WebsocketSession.require(sid)
    await begin(session, theirs.process_message(session, payload))


async def edit(sid: str, payload: Any) -> None:
    """A question in other words: what came after it goes, and it is asked again."""
    session = WebsocketSession.require(sid)
    context = init_ws_context(session)
    asked = find_question(str(payload["message"]["id"]))
    if asked is None:  # gone here, by a restart, say; and the page has cut off what came after it
        await context.emitter.update_step(payload["message"])
        await ask(sid, {"message": payload["message"], "fileReferences": []})
        return

    async def again() -> None:
        asked.content = str(payload["message"]["output"])
        await asked.update()
        await config.code.on_message(asked)

    await ask_again(session, asked, again)


async def ask_again(session: Any, asked: Any, work: Callable[[], Awaitable[None]]) -> None:
    """Take away what came after a question, and do the work as the answer to it."""

    async def run() -> None:
        context = init_ws_context(session)
        await context.emitter.task_start()
        try:
            await forget_after(asked)
            await work()
        finally:
            await context.emitter.task_end()

    await begin(session, run())


async def begin(session: Any, work: Coroutine[Any, Any, None]) -> None:
    """Do it as the session's task, once the one before it has ended.

    An answer is cancelled for it. What Chainlit begins a conversation with is not: settings would
    be missing from the page for good.
    """
    before = session.current_task
    if before is not None and not before.done():
        if before.get_name() == GIVES_WAY:
            before.cancel()
        await asyncio.wait({before})
    session.current_task = asyncio.create_task(work, name=GIVES_WAY)


def find_question(message_id: str) -> Any:
    """The person's message of that id in the conversation that is open; None if there is none."""
    asked = [m for m in chat_context.get() if m.id == message_id and m.type == USER_MESSAGE]
    return asked[0] if asked else None


async def forget_after(asked: Any) -> None:
    """Remove all messages that follow a question."""
    messages = chat_context.get()
    for message in messages[messages.index(asked) + 1 :] if asked in messages else ():
        await message.remove()


async def _reconnected(session: Any, show_again: Callable[[], Awaitable[None]]) -> None:
    """Chainlit would load the conversation anew from its store, over the one that is open."""
    context = init_ws_context(session)
    is_busy = session.current_task is not None and not session.current_task.done()
    await (context.emitter.task_start() if is_busy else context.emitter.task_end())
    await context.emitter.clear("clear_ask")
    await context.emitter.clear("clear_call_fn")
    await show_again()
