"""One answer on its way to the page: a message, its sources and how it came about below."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from chainlit.action import Action
from chainlit.context import context
from chainlit.element import CustomElement
from chainlit.message import ErrorMessage
from chainlit.message import Message as PageMessage

from rag.ask_options import AskOptions
from rag.chat import library
from rag.chat.faults import word
from rag.chat.kept import UNFINISHED, kept_metadata
from rag.chat.markdown import MarkdownEscaper
from rag.chat.memory import Turn
from rag.chat.notes import notes_markdown
from rag.chat.results import results_line, results_props
from rag.chat.sources import answered_props, citation_url, found_props
from rag.chat.stream import iterate_in_thread
from rag.chat.texts import WORDS, language_of
from rag.chat.trace import trace_props
from rag.chat.waiting import WaitingLine
from rag.fault_texts import explain
from rag.generate.stopping import Stopper
from rag.injection import as_shown
from rag.library import Asker
from rag.types import (
    Answer,
    AnswerFinished,
    AnswerText,
    CitationFound,
    Found,
    Message,
    Progress,
    SourcesFound,
)
from rag.where import Where

AGAIN = "again"  # the action that asks a question once more
NUM_RESULTS = 10  # of a search, where nothing else is chosen
UNNOTICED_SECONDS = 0.3  # a wait as short needs no word
DRAW_SECONDS = 0.15  # between two pieces of text
DRAWN_CHARACTERS = 40_000  # of an answer that a slow page draws in a second
TICK_SECONDS = 1.0  # between looks at what is being waited for


class Reply:
    """Shows what comes of one question. `message_id` is the question's on the page."""

    def __init__(self, question: str, message_id: str) -> None:
        self.question, self.message_id = question, message_id
        self.language = language_of(question)
        self.words = WORDS[self.language]
        self.message = PageMessage(content="", metadata=UNFINISHED)
        self.answer: Answer | None = None
        self.plain = ""  # the answer as the next turn's history has it
        self._narrowing = Where()  # that the asker has chosen, without what is theirs to see
        self._late = ""  # why a file that was added is not in it
        self.is_lost = False  # the connection was gone for too long
        self._escaper = MarkdownEscaper(self.language)
        self._elements: dict[str, Any] = {}
        self._actions: list[Any] = []
        self._error: Any = None  # a message of its own below
        self._found: SourcesFound | None = None
        self._begun = False
        self._unsent, self._sent_at = "", 0.0
        self._waiting = WaitingLine(self.language)

    def turn(self) -> Turn:
        """What the conversation remembers of it."""
        return Turn(self.message_id, self.question, self.plain, self.answer)

    async def search(self, service: Any, options: AskOptions, who: Asker) -> None:
        """Only the list of what is found; as it is quick, the page draws it once."""
        finding = asyncio.create_task(self._find(service, options, who))
        ticking = None
        try:
            done, _ = await asyncio.wait({finding}, timeout=UNNOTICED_SECONDS)
            if not done:
                await self.message.send()
                ticking = asyncio.create_task(self._tick(service.state))
            found = await finding
            self.message.content = results_line(found, self.language)
            if found.hits:
                props = await asyncio.to_thread(results_props, found, self.language)
                await self.show_element("Results", props)
        except asyncio.CancelledError:
            self.message.content = f"*{self.words['stopped']}*"
            raise
        finally:
            self.message.metadata = kept_metadata("", None)
            if ticking is None:
                await self.message.send()
            else:
                ticking.cancel()
                await self.message.update()

    async def run(
        self, service: Any, history: Sequence[Message], options: AskOptions, who: Asker
    ) -> None:
        """Ask and show, until the answer is finished or this task is cancelled."""
        await self.message.send()
        ticking = asyncio.create_task(self._tick(service.state))
        try:
            stopper = Stopper()
            asked = replace(await self._narrowed(service, options, who), stopper=stopper)
            events = iterate_in_thread(
                lambda: service.footnote.stream(self.question, history, asked), stopper.stop
            )
            async with aclosing(events):
                async for event in events:
                    await self._show(event)
        except asyncio.CancelledError:
            await self._add(self._escaper.finish())
            await self._flush()
            told = word("lost", self.language) if self.is_lost else self.words["stopped"]
            self.message.content = self._shown_so_far() + f"*{told}*"
            raise
        finally:
            ticking.cancel()
            self.message.metadata = kept_metadata(self.plain, self.answer)
            await self._flush()
            await self.message.update()

    async def _find(self, service: Any, options: AskOptions, who: Asker) -> Found:
        options = await self._narrowed(service, options, who)
        return await asyncio.to_thread(_find, service, self.question, options)

    async def _narrowed(self, service: Any, options: AskOptions, who: Asker) -> AskOptions:
        """To what the asker finds in this conversation, files that were just added included."""
        added = service.conversations
        self._late = await library.until_read(added, who, self.language, self._set_line)
        self._narrowing = library.narrowing(added, who)
        return replace(options, where=await library.where(added, who))

    async def _set_line(self, line: str) -> None:
        self._waiting.line = line
        await self._show_waiting()

    async def offer_again(self, label: str = "retry") -> None:
        """A button that asks the question once more: for other words, if it has an answer."""
        icon = "message-square-quote" if label == "answer" else "rotate-ccw"
        action = Action(
            name=AGAIN,
            payload={"message_id": self.message_id, "anew": self.answer is not None},
            label=word(label, self.language),
            icon=icon,
            tooltip=word(label, self.language),
        )
        self._actions.append(action)
        await action.send(for_id=(self._error or self.message).id)

    async def fail(self, told: str) -> None:
        """Say why there is no answer, with a button to try again."""
        self._error = ErrorMessage(content=told)
        await self._error.send()
        await self.offer_again("again")

    async def withdraw(self) -> None:
        """Take the buttons away: another question was asked."""
        for action in self._actions:
            await action.remove()
        self._actions.clear()

    async def abandon(self) -> None:
        """Leave what was shown, or nothing where nothing was, before an error is told."""
        if self._begun:
            return
        self.message.content = ""
        if self._elements:
            await self.message.update()
        else:
            await self.message.remove()
            self.message = None

    async def show_again(self) -> None:
        """Send all of it once more, to a page that may have missed some."""
        for message in (self.message, self._error):
            if message is not None:
                await context.emitter.send_step(message.to_dict())
        for element in self._elements.values():
            await context.emitter.send_element(element.to_dict())
        for action in self._actions:
            await action.remove()
            await action.send(for_id=action.forId)

    async def show_element(self, name: str, props: dict[str, Any]) -> None:
        """A custom element under the message, or its new content."""
        element = self._elements.get(name)
        if element is None:
            element = self._elements[name] = CustomElement(name=name, props=props, display="inline")
        element.props, element.content = props, json.dumps(props)
        await element.send(for_id=self.message.id)

    async def _show(self, event: object) -> None:
        match event:
            case SourcesFound(passages=passages, packing=packing):
                self._found = event
                self._escaper.know(as_shown(passage.text) for passage in passages)
                self._waiting.reading(packing)
                await self._show_waiting()
                props = found_props(passages, self.language)
                if props["sources"]:
                    await self.show_element("Sources", props)
                await self._trace()
            case Progress(text=text):
                await self._set_line(text)
            case AnswerText(text=text):
                self.plain += text
                await self._add(self._escaper.feed(text))
            case CitationFound(citation=citation):
                self.plain += citation.label
                url = citation_url(citation)
                await self._add(self._escaper.cite(citation, url, explain(citation, self.language)))
            case AnswerFinished(answer=answer):
                await self._finish(answer)

    async def _finish(self, answer: Answer) -> None:
        self.plain, self.answer = answer.text, answer
        await self._add(self._escaper.finish())
        await self._add(notes_markdown(answer))
        await self._add(f"\n\n*{self._late}*" if self._late else "")
        await self._flush()
        props = answered_props(answer, self.language)
        if props["sources"] or "computation" in props:
            await self.show_element("Sources", props)
        await self._trace(answer)

    async def _trace(self, answer: Answer | None = None) -> None:
        """How it was searched, what was read, and in the end who answered."""
        told = self._found
        found = (answer.found if answer else None) or (told.found if told else None)
        packing = (answer.packing if answer else None) or (told.packing if told else None)
        passages = answer.passages if answer else told.passages if told else ()
        found = replace(found or Found((), self.question), where=self._narrowing)
        props = trace_props(found, passages, self.language, packing, answer)
        await self.show_element("Trace", props)

    async def _add(self, markdown: str) -> None:
        """Show more text; the page draws the whole of it each time, so not too often."""
        self._unsent += markdown
        pause = DRAW_SECONDS + len(self.message.content) / DRAWN_CHARACTERS
        if not self._begun or time.monotonic() - self._sent_at >= pause:
            await self._flush()

    async def _flush(self) -> None:
        if not self._unsent:
            return
        if not self._begun:
            self._begun = True
            self.message.content = ""
        text, self._unsent, self._sent_at = self._unsent, "", time.monotonic()
        await self.message.stream_token(text)

    def _shown_so_far(self) -> str:
        return f"{self.message.content}\n\n" if self._begun else ""

    async def _tick(self, state: Callable[[], str]) -> None:
        """Until the answer begins, say once a second what it waits for."""
        while not self._begun:
            self._waiting.state = state()
            await self._show_waiting()
            await asyncio.sleep(TICK_SECONDS)

    async def _show_waiting(self) -> None:
        """What is going on, in place of an answer that has not begun; not for the history."""
        if self._begun or not (line := self._waiting.text(time.monotonic())):
            return
        self.message.content = f"*{line}*"
        await context.emitter.update_step(self.message.to_dict())


def _find(service: Any, question: str, options: AskOptions) -> Found:
    """Waits for the service to be ready, so it runs in a thread."""
    found: Found = service.footnote.find(
        question, options.top_k or NUM_RESULTS, mode=options.mode, where=options.where
    )
    return found
