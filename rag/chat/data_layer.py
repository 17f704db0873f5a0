"""The store as Chainlit takes it: what it calls a data layer.

Writes come as tasks of the event loop, and must be done in the order that they were begun in:
hence one thread does them all.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from rag.access import current_caller
from rag.chat.store import Conversation, Store, Thread, moment
from rag.chat.texts import WORDS

log = logging.getLogger(__name__)

# Held back until a conversation begins with a question: greetings alone are not kept.
HELD_BACK = ("create_element", "delete_element", "create_step", "update_step", "delete_step")

KEPT_METADATA = ("chat_settings", "chat_profile")  # of a session; the rest are live objects

Result = TypeVar("Result")
Forget = Callable[[str, str], None]  # what belonged to a person's conversation alone


class _Kept:
    """See Chainlit's BaseDataLayer for what each method is asked for."""

    def __init__(self, store: Store, forget: Forget) -> None:
        self._store = store
        self._forget = forget
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")

    async def _do(self, job: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, *arguments)

    async def _keep(self, job: Callable[..., Any], *arguments: Any) -> None:
        """Write; what the disk does not take is told on the page, which goes on."""
        try:
            await self._do(job, *arguments)
        except sqlite3.Error as error:
            log.error("the conversation was not kept: %s", error)
            await _toast()

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)

    async def build_debug_url(self) -> str:
        return ""

    async def get_user(self, identifier: str) -> Any:
        from chainlit.user import PersistedUser

        person_id, created = await self._do(self._store.person, identifier)
        return PersistedUser(id=person_id, createdAt=moment(created), identifier=identifier)

    async def create_user(self, user: Any) -> Any:
        return await self.get_user(user.identifier)

    async def get_thread_author(self, thread_id: str) -> str:
        """Nobody where it is not the caller's: so it seems not to be there."""
        owner = await self._do(self._store.owner_of, thread_id)
        return owner if owner is not None and owner == _owner() else ""

    async def delete_thread(self, thread_id: str) -> None:
        owner = _owner()
        await self._do(self._store.delete_thread, owner, thread_id)
        await self._do(self._forget, owner, thread_id)

    async def list_threads(self, pagination: Any, filters: Any) -> Any:
        from chainlit.types import PageInfo, PaginatedResponse

        owner = await self._do(self._store.name_of, filters.userId or "")
        search, feedback = filters.search or "", filters.feedback

        def look() -> list[Thread]:
            return self._store.threads(owner or "", search=search, feedback=feedback)

        found = await self._do(look)
        ids = [one.id for one in found]
        start = ids.index(pagination.cursor) + 1 if pagination.cursor in ids else 0
        shown = found[start : start + pagination.first]
        info = PageInfo(
            hasNextPage=len(found) > start + len(shown),
            startCursor=shown[0].id if shown else None,
            endCursor=shown[-1].id if shown else None,
        )
        return PaginatedResponse(pageInfo=info, data=[self._listed(one) for one in shown])

    @staticmethod
    def _listed(thread: Thread) -> dict[str, Any]:
        """By when it was last used, since that is how the page groups them."""
        return {"id": thread.id, "name": thread.name, "createdAt": moment(thread.changed)}

    async def get_thread(self, thread_id: str) -> dict[str, Any] | None:
        owner = await self._do(self._store.owner_of, thread_id)
        if owner is None:
            return None
        try:
            found = await self._do(self._store.conversation, owner, thread_id)
        except KeyError:  # deleted in between
            return None
        person_id, _ = await self._do(self._store.person, owner)
        return thread_dict(found, person_id)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        """A thread that was deleted while it was open stays deleted."""
        owner = _owner()
        is_there = await self._do(self._store.owner_of, thread_id) is not None
        if is_there or name is not None:
            kept = {key: (metadata or {}).get(key) for key in KEPT_METADATA}
            await self._keep(self._store.put_thread, owner, thread_id, name, metadata and kept)

    async def create_step(self, step_dict: dict[str, Any]) -> None:
        step = dict(step_dict)
        await self._keep(self._store.put_step, _owner(), step["threadId"], step)

    async def update_step(self, step_dict: dict[str, Any]) -> None:
        step = dict(step_dict)
        await self._keep(self._store.change_step, _owner(), step["threadId"], step)

    async def delete_step(self, step_id: str) -> None:
        await self._keep(self._store.delete_step, _owner(), step_id)

    async def create_element(self, element: Any) -> None:
        data = dict(element.to_dict())
        await self._keep(self._store.put_element, _owner(), data["threadId"], data)

    async def get_element(self, thread_id: str, element_id: str) -> dict[str, Any] | None:
        thread = await self.get_thread(thread_id)
        elements = thread["elements"] if thread else []
        return next((one for one in elements if one["id"] == element_id), None)

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        await self._keep(self._store.delete_element, _owner(), element_id)

    async def upsert_feedback(self, feedback: Any) -> str:
        comment, step = feedback.comment or "", feedback.forId
        return await self._do(self._store.put_feedback, _owner(), step, feedback.value, comment)

    async def delete_feedback(self, feedback_id: str) -> bool:
        return await self._do(self._store.delete_feedback, _owner(), feedback_id)

    async def get_favorite_steps(self, user_id: str) -> list[dict[str, Any]]:
        return []  # the page has no favourites


def data_layer(store: Store, forget: Forget) -> Any:
    """For Chainlit's `data_layer` hook. `forget` is called after a conversation was deleted."""
    from chainlit.data.base import BaseDataLayer
    from chainlit.data.utils import queue_until_user_message

    held = {name: queue_until_user_message()(getattr(_Kept, name)) for name in HELD_BACK}
    return type("DataLayer", (_Kept, BaseDataLayer), held)(store, forget)


def thread_dict(found: Conversation, person_id: str) -> dict[str, Any]:
    """A conversation as Chainlit's page resumes it."""
    thread = found.thread
    return {
        "id": thread.id,
        "createdAt": moment(thread.created),
        "name": thread.name,
        "userId": person_id,
        "userIdentifier": thread.owner,
        "tags": [],
        "metadata": thread.metadata,
        "steps": list(found.steps),
        "elements": list(found.elements),
    }


async def _toast() -> None:
    from chainlit.context import ChainlitContextException, context

    with suppress(ChainlitContextException):  # no page is there to tell
        language = "zh" if context.session.language.startswith("zh") else "en"
        await context.emitter.send_toast(WORDS[language]["not_kept"], "error")


def _owner() -> str:
    """Whose conversation it is: the chat session's user, else whom the request was let in as."""
    from chainlit.context import ChainlitContextException, context

    try:
        user = context.session.user
    except ChainlitContextException:
        user = None
    if user is not None:
        return str(user.identifier)
    caller = current_caller.get()
    return caller.name if caller else ""
