"""The chat page. It asks the service's pipeline and shows what comes; all else stands elsewhere."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Any

import chainlit as cl
from chainlit.context import context

from rag import web
from rag.chat import library, socket
from rag.chat.choices import ANSWER, SEARCH, Choices
from rag.chat.faults import empty_text, error_text
from rag.chat.following import Following, is_followed, writer_of
from rag.chat.kept import mend, remembered
from rag.chat.memory import Memory
from rag.chat.panel import TASK, panel, task_switch
from rag.chat.reply import AGAIN, Reply
from rag.chat.starters import StarterCache
from rag.chat.texts import WORDS, language_of
from rag.library import Asker
from rag.origin import Origin, set_origin

log = logging.getLogger(__name__)

MEMORY, CHOICES, REPLY, FOLLOWING = "memory", "choices", "reply", "following"  # of a session
GRACE_SECONDS = 60.0  # for a lost connection to come back before its answer is stopped

_leaving: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected
_starters = StarterCache()
_kept: dict[str, Choices] = {}  # by person


@cl.on_chat_start
async def begin() -> None:
    """Offer the settings and the switch; what someone chose before stays chosen."""
    await offer_settings(_choices())


async def offer_settings(choices: Choices) -> None:
    """Send settings and switch; on a page that resumes a conversation they must be sent again."""
    language = _page_language()
    cl.user_session.set(CHOICES, choices)
    model = str((await asyncio.to_thread(web.current_service().status)).get("generator") or "")
    await panel(choices, model or WORDS[language]["no_model"], language).send()
    await context.emitter.set_modes([task_switch(language)])
    await library.greet()


@cl.on_settings_update
async def choose(values: dict[str, Any]) -> None:
    """Take over what was set, for new conversations of the same person, too."""
    choices = _choices().changed(values)
    cl.user_session.set(CHOICES, choices)
    if web.tells_people_apart():
        _kept[_person()] = choices


def asker() -> Asker:
    """Who asks, with the rights of now. Raises FootnoteError if they may not come in any more."""
    return web.asker_named(_person() or None)


@cl.on_message
async def ask(message: cl.Message) -> None:
    """Answer a question, or list what is found."""
    await answer(message, (message.modes or {}).get(TASK, ANSWER))


@cl.action_callback(AGAIN)
async def ask_again(action: cl.Action) -> None:
    """Answer a question once more: what came after it goes."""
    asked = socket.find_question(str(action.payload.get("message_id")))
    if asked is not None:
        is_anew = action.payload.get("anew") is True
        work = partial(answer, asked, ANSWER, again=is_anew)
        await socket.ask_again(context.session, asked, work)


async def answer(message: cl.Message, task: str, *, again: bool = False) -> None:
    """Show the answer to a question; whatever fails, the page says so."""
    set_origin(Origin(_person(), "page"))
    question = message.content.strip()
    language = language_of(question)
    if not question:
        await cl.Message(content=WORDS[language]["empty"]).send()
        return
    memory: Memory = cl.user_session.get(MEMORY) or Memory()
    cl.user_session.set(MEMORY, memory)
    memory.cut(message.id)  # it may be asked anew, in other words
    if before := cl.user_session.get(REPLY):
        await before.withdraw()
    service = web.current_service()
    told = await library.command(question, service.conversations, asker())
    if told is not None:
        await cl.Message(content=told).send()
        return
    if service.state() == "ready" and not service.catalog.counts()["documents"]:
        await cl.ErrorMessage(content=empty_text(service.indexing, language)).send()
        return
    reply = Reply(question, message.id)
    cl.user_session.set(REPLY, reply)
    try:
        options = _choices().options(memory.previous, again=again)
        if task == SEARCH:
            await reply.search(service, options, asker())
            await reply.offer_again("answer")
        else:
            await reply.run(service, memory.history(), options, asker())
            await reply.offer_again()
    except asyncio.CancelledError:
        await reply.offer_again()
        raise
    except Exception as error:
        log.exception("no answer to a question")
        await reply.abandon()
        await reply.fail(error_text(error, language))
    finally:
        memory.add(reply.turn())


@cl.on_chat_resume
async def resume(thread: dict[str, Any]) -> None:
    """Go on with a conversation that was kept, as follow-up questions know it."""
    steps = thread["steps"]
    writer = writer_of(context.session, steps)
    mend(steps, is_under_way=writer is not None)
    _remember(steps)
    if writer is not None:
        cl.user_session.set(FOLLOWING, Following(context.session, writer, steps, _remember))
    await offer_settings(_choices())


@cl.on_chat_end
async def leave() -> None:
    """Stop the answer of someone who left; a connection that was only lost may come back."""
    session = context.session
    socket_id = session.socket_id
    reply: Reply | None = cl.user_session.get(REPLY)
    await asyncio.sleep(0)  # that a new conversation is begun was sent before, and may be in line

    async def stop_unless_back() -> None:
        if not session.to_clear:
            await asyncio.sleep(GRACE_SECONDS)
        task = session.current_task
        is_wanted = is_followed(task) and not session.to_clear  # else the asker has left it
        if session.socket_id == socket_id and task and not is_wanted:
            if reply is not None:
                reply.is_lost = not session.to_clear
            task.cancel()

    if session.to_clear:
        await library.end(web.current_service().conversations, asker())
    _leaving.add(task := asyncio.create_task(stop_unless_back()))
    task.add_done_callback(_leaving.discard)


@cl.set_starters
async def offer_starters(user: cl.User | None, language: str | None) -> list[cl.Starter]:
    """Questions for an empty page."""
    with suppress(Exception):  # the page works without them
        reader = web.caller_named(user.identifier if user else None)
        catalog = web.readable_catalog(reader)
        questions = await asyncio.to_thread(_starters.questions, catalog, reader.name, language)
        return [cl.Starter(label=one.label, message=one.question) for one in questions]
    return []


async def _show_again() -> None:
    if reply := cl.user_session.get(REPLY):
        await reply.show_again()
    elif following := cl.user_session.get(FOLLOWING):
        await following.show()


def _follow() -> None:
    if following := cl.user_session.get(FOLLOWING):
        following.begin()


def _remember(steps: list[dict[str, Any]]) -> None:
    cl.user_session.set(MEMORY, Memory(remembered(steps)))


def _choices() -> Choices:
    """What is chosen in this session, else what is configured."""
    chosen: Choices | None = cl.user_session.get(CHOICES) or _kept.get(_person())
    if chosen is not None:
        return chosen
    settings = web.current_service().settings
    return Choices(
        top_k=settings.top_k,
        temperature=settings.temperature,
        general=settings.general_knowledge,
    )


def _person() -> str:
    """Who asks; "" where nobody signs in: on one person's own machine, or all strangers."""
    user = context.session.user
    return user.identifier if user else ""


def _page_language() -> str:
    return "zh" if context.session.language.lower().startswith("zh") else "en"


socket.install(_show_again, _follow)
if not web.has_service():  # started as `chainlit run app.py`
    web.open_in_chainlit()
