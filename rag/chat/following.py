"""An answer that is still written when its conversation is opened anew: after a reload, say.

It is written by the session that was asked, whose page is gone; the session that the new page has
waits for it, and shows it then. Leans on Chainlit's inner workings, whose version is pinned.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakSet

from chainlit.chat_context import chat_context
from chainlit.context import init_ws_context
from chainlit.data import get_data_layer
from chainlit.message import Message
from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id

from rag.chat.kept import is_unfinished, mend
from rag.chat.socket import GIVES_WAY

Steps = list[dict[str, Any]]

_followers: Counter[asyncio.Task[Any]] = Counter()  # how many wait for an answer
_waiting: WeakSet[asyncio.Task[Any]] = WeakSet()  # tasks that wait, and write nothing


def writer_of(session: Any, steps: Iterable[Mapping[str, Any]]) -> Any:
    """The session that answers in this one's conversation; None if there is none.

    One that has just ended counts where the steps, which were read before, miss an answer's end.
    """
    others = [
        other
        for other in list(ws_sessions_id.values())
        if other is not session and other.thread_id == session.thread_id
        if other.current_task is not None and other.current_task not in _waiting
    ]
    writing = [other for other in others if not other.current_task.done()]
    if not writing and any(map(is_unfinished, steps)):
        writing = others[-1:]
    return writing[0] if writing else None


def is_followed(task: asyncio.Task[Any]) -> bool:
    """Whether another page waits for what the task writes."""
    return _followers[task] > 0


class Following:
    """One session's wait for what another one writes. `learn` gets the steps as they are then."""

    def __init__(
        self,
        session: WebsocketSession,
        writer: WebsocketSession,
        steps: Iterable[Mapping[str, Any]],
        learn: Callable[[Steps], None],
    ) -> None:
        self._session, self._writer, self._learn = session, writer, learn
        self._written: asyncio.Task[Any] = writer.current_task
        known = list(steps)
        self._settled = {one["id"] for one in known if not is_unfinished(one)}
        self._open = {one["id"] for one in known if is_unfinished(one)}

    def begin(self) -> None:
        """Wait as the session's task: so the page offers to stop it, and a question ends it."""
        self._session.current_task = asyncio.create_task(self._run(), name=GIVES_WAY)
        _waiting.add(self._session.current_task)

    async def _run(self) -> None:
        emitter = init_ws_context(self._session).emitter
        try:
            await emitter.task_start()
            await self._end_of_writing()
        finally:
            try:
                await self.show()
            finally:
                await emitter.task_end()

    async def _end_of_writing(self) -> None:
        """Given up, it stops what no page waits for any more."""
        written = self._written
        _followers[written] += 1
        try:
            await asyncio.wait({written})
        finally:
            _followers[written] -= 1
            if not is_followed(written):
                del _followers[written]
                if not sio.manager.is_connected(self._writer.socket_id, "/"):
                    written.cancel()
                    await asyncio.wait({written})

    async def show(self) -> None:
        """Send what has come of it."""
        thread = await get_data_layer().get_thread(self._session.thread_id)
        if thread is None:  # deleted meanwhile
            return
        steps = thread["steps"]
        mend(steps, is_under_way=not self._written.done())
        self._learn(steps)
        emitter = init_ws_context(self._session).emitter
        for step in (one for one in steps if one["id"] not in self._settled):
            _keep(step)
            await emitter.send_step(step)
        for gone in self._open - {one["id"] for one in steps}:
            await emitter.delete_step({"id": gone})
        for element in thread["elements"]:
            if element.get("forId") not in self._settled:
                await emitter.send_element(element)


def _keep(step: dict[str, Any]) -> None:
    """As Chainlit knows the messages of a conversation, to remove them when one asks anew."""
    if "message" not in step["type"]:
        return
    for message in chat_context.get():
        if message.id == step["id"]:
            message.content, message.metadata = step["output"], step.get("metadata")
            return
    chat_context.add(Message.from_dict(step))
