"""The chat page. It asks the service's pipeline and shows what comes; all else stands elsewhere."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress

import chainlit as cl
from chainlit.context import context

from rag import web, web_chainlit
from rag.ask_options import AskOptions
from rag.asker import Asker, set_asker
from rag.chat.markdown import MarkdownEscaper
from rag.chat.notes import notes_markdown
from rag.chat.sources import answered_props, citation_url, found_props
from rag.chat.stream import iterate_in_thread
from rag.chat.texts import WORDS, error_text, language_of, starters
from rag.fault_texts import explain
from rag.injection import as_shown
from rag.types import (
    Answer,
    AnswerFinished,
    AnswerText,
    CitationFound,
    Message,
    Progress,
    SourcesFound,
)

log = logging.getLogger(__name__)

HISTORY = "history"
PREVIOUS = "previous"  # the last answer, if it was finished
MAX_HISTORY = 20  # messages; the packer takes of them what fits
STATE_SECONDS = 1.0  # between looks at what the service is busy with
GRACE_SECONDS = 15.0  # for a lost connection to come back before its answer is stopped

web_chainlit.quiet_stop()


class Reply:
    """One answer on its way to the page: a message, and its sources below."""

    def __init__(self, question: str) -> None:
        self.question = question
        self.language = language_of(question)
        self.words = WORDS[self.language]
        self.message = cl.Message(content="")
        self.answer: Answer | None = None
        self.plain = ""  # the answer as the next turn's history has it
        self._escaper = MarkdownEscaper()
        self._sources: cl.CustomElement | None = None
        self._begun = False

    async def run(self, history: list[Message], previous: Answer | None) -> None:
        """Ask and show, until the answer is finished or this task is cancelled."""
        options = AskOptions(previous=previous)
        service = web.current_service()
        await self.message.send()
        waiting = asyncio.create_task(self._show_state(service))
        events = iterate_in_thread(lambda: service.footnote.stream(self.question, history, options))
        try:
            async with aclosing(events):
                async for event in events:
                    waiting.cancel()
                    await self._show(event)
        except asyncio.CancelledError:
            await self._add(self._escaper.finish())
            self.message.content += ("\n\n" if self._begun else "") + f"*{self.words['stopped']}*"
            raise
        finally:
            waiting.cancel()
            await self.message.update()

    async def abandon(self) -> None:
        """Leave what was shown, or nothing where nothing was, before an error is told."""
        if self._begun:
            return
        self.message.content = ""
        await (self.message.update() if self._sources else self.message.remove())

    async def _show(self, event: object) -> None:
        match event:
            case SourcesFound(passages=passages, packing=packing):
                self._escaper.know(as_shown(passage.text) for passage in passages)
                await self._set_line(self.words["reading"])
                await self._set_sources(found_props(passages, self.language, packing))
            case Progress(text=text):
                await self._set_line(f"{text} …")
            case AnswerText(text=text):
                self.plain += text
                await self._add(self._escaper.feed(text))
            case CitationFound(citation=citation):
                self.plain += citation.label
                url = citation_url(citation)
                await self._add(self._escaper.cite(citation, url, explain(citation, self.language)))
            case AnswerFinished(answer=answer):
                self.plain, self.answer = answer.text, answer
                await self._add(self._escaper.finish())
                await self._add(notes_markdown(answer))
                await self._set_sources(answered_props(answer, self.language))

    async def _add(self, markdown: str) -> None:
        if not markdown:
            return
        if not self._begun:
            self._begun = True
            self.message.content = ""
        await self.message.stream_token(markdown)

    async def _set_line(self, line: str) -> None:
        """What is going on, in place of an answer that has not begun."""
        self.message.content = f"*{line}*"
        await self.message.update()

    async def _set_sources(self, props: dict[str, object]) -> None:
        if not props["sources"] and "computation" not in props:
            return
        if self._sources is None:
            self._sources = cl.CustomElement(name="Sources", props=props, display="inline")
        self._sources.props = props
        await self._sources.send(for_id=self.message.id)

    async def _show_state(self, service: web.Service) -> None:
        """While models load, say so instead of showing nothing."""
        shown = ""
        while True:
            state = service.state()
            if state not in (shown, "ready"):
                shown = state
                await self._set_line(f"{self.words['unready']} {state}")
            await asyncio.sleep(STATE_SECONDS)


@cl.on_message
async def answer(message: cl.Message) -> None:
    """Answer a question; whatever fails, the page says so."""
    set_asker(Asker(client="page"))
    question = message.content.strip()
    language = language_of(question)
    if not question:
        await cl.Message(content=WORDS[language]["empty"]).send()
        return
    history: list[Message] = cl.user_session.get(HISTORY) or []
    reply = Reply(question)
    try:
        await reply.run(history, cl.user_session.get(PREVIOUS))
    except Exception as error:
        log.exception("no answer to a question")
        await reply.abandon()
        await cl.ErrorMessage(content=error_text(error, language)).send()
    finally:
        if reply.plain:
            turn = [Message("user", question), Message("assistant", reply.plain)]
            cl.user_session.set(HISTORY, [*history, *turn][-MAX_HISTORY:])
            cl.user_session.set(PREVIOUS, reply.answer)


@cl.on_chat_end
async def leave() -> None:
    """Stop the answer of someone who left; a connection that was only lost may come back."""
    session = context.session
    socket_id = session.socket_id

    async def stop_unless_back() -> None:
        if not session.to_clear:
            await asyncio.sleep(GRACE_SECONDS)
        if session.socket_id == socket_id and session.current_task:
            session.current_task.cancel()

    _leaving.add(task := asyncio.create_task(stop_unless_back()))
    task.add_done_callback(_leaving.discard)


_leaving: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected


@cl.set_starters
async def offer_starters(user: cl.User | None, language: str | None) -> list[cl.Starter]:
    """Questions for an empty page."""
    with suppress(Exception):  # the page works without them
        documents = await asyncio.to_thread(web.current_service().catalog.documents)
        return [
            cl.Starter(label=s.label, message=s.question) for s in starters(documents, language)
        ]
    return []


if not web.has_service():  # started as `chainlit run app.py`
    web.open_in_chainlit()
