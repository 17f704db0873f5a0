"""Answers over whole documents: read whole where they fit, else section by section."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from dataclasses import replace

from rag.answer_run import AnswerRun
from rag.citations import CitationParser
from rag.generate import Generator
from rag.known_sentences import KnownSentences
from rag.prompt import signs_of
from rag.repetition import until_repeated
from rag.sentences import split_sentences
from rag.support import SupportChecker
from rag.types import AnswerEvent, AnswerText, Message, Passage, Progress, SourcesFound
from rag.whole.mapping import (
    MAX_LIST_TOKENS,
    MAX_NOTE_TOKENS,
    SectionNotes,
    read_sections,
    without_copies,
)
from rag.whole.plan import Plan
from rag.whole.prompts import build_final, build_notes
from rag.whole.sections import Section, count_all, sections_of, spread
from rag.whole.texts import text_of
from rag.writer import watched

SECTION_TOKENS = 4_000  # of a section, where nothing bounds what is read
MAX_SECTIONS = 64
MAX_BOUNDED_SECTIONS = 8  # on a CPU, each takes seconds
MAX_QUOTED = 12  # sentences, without a model
MAX_SENTENCE_CHARACTERS = 300


class WholeAnswers:
    """Writes answers over whole documents into runs. Safe to use from many threads.

    `context_tokens` bounds what is read for a usual answer: here twice as much is read at once,
    and of more, a few sections. Closing what it yields stops the model.
    """

    def __init__(
        self,
        sentences: KnownSentences,
        *,
        max_answer_tokens: int,
        temperature: float,
        context_tokens: int | None,
    ) -> None:
        self._sentences = sentences
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature
        self._context_tokens = context_tokens

    def answer(
        self, run: AnswerRun, plan: Plan, generator: Generator | None
    ) -> Iteration[AnswerEvent, None, None]:
        """The sources, progress, and the answer's pieces. Raises GenerationError."""
        if plan.sorry:
            yield from self._found(run, plan, (), [])
            yield from run.decline(plan.sorry)
        elif generator is None:
            yield from self._quote(run, plan)
        elif plan.task.kind == "list":
            yield from self._list(run, plan, generator)
        else:
            yield from self._write(run, plan, generator)

    def _write(
        self, run: AnswerRun, plan: Plan, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """A summary or a comparison."""
        kind, language = plan.task.kind, plan.language
        bare = build_final(kind, plan.titles, (), (), language)
        room = self._room(bare, generator, 2)
        notes: list[str] = []
        if count_all(plan.passages, generator.count_tokens) <= room:
            said = text_of("whole", language, titles=", ".join(plan.titles))
            yield from self._found(run, plan, plan.passages, [said])
        else:
            sections = yield from self._choose(run, plan, generator)
            for one in (yield from self._read(run, plan, sections, generator)):
                notes += one.items
        messages = build_final(
            kind, plan.titles, run.passages, _fitting(notes, room, generator), language
        )
        yield from self._stream(run, messages, generator)

    def _list(
        self, run: AnswerRun, plan: Plan, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """Every item of every section, each once."""
        sections = yield from self._choose(run, plan, generator)
        several = yield from self._read(run, plan, sections, generator)
        items = without_copies([item for one in several for item in one.items])
        if not items:
            yield from run.abstain()
            return
        yield from self._show(run, "\n".join(f"- {item}" for item in items))
        if any(one.is_cut for one in several) and not run.abstained:
            yield from run.take([AnswerText(f"\n\n{text_of('cut', plan.language)}")])

    def _choose(
        self, run: AnswerRun, plan: Plan, generator: Generator
    ) -> Iteration[AnswerEvent, None, list[Section]]:
        """The sections that are read, and what is said of them."""
        bare = build_notes(plan.task.kind, plan.question, (), plan.language)
        room = min(self._room(bare, generator, 0.5), SECTION_TOKENS)
        every = sections_of(plan.passages, generator.count_tokens, room)
        limit = MAX_SECTIONS if self._context_tokens is None else MAX_BOUNDED_SECTIONS
        was_searched = plan.task.kind == "list" and bool(plan.found.hits)
        chosen = every[:limit] if was_searched else _spread_over_documents(every, limit)
        fitting = [one for one in chosen if self._fits(plan, one, generator)]
        passages = [passage for section in fitting for passage in section]
        said = []
        if was_searched:
            documents = len({passage.document_id for passage in passages})
            said.append(
                text_of("matches", plan.language, passages=len(passages), documents=documents)
            )
        if len(fitting) < len(every):
            key = "best" if was_searched else "spread"
            said.append(text_of(key, plan.language, done=len(fitting), total=len(every)))
        if len(fitting) < len(chosen):
            said.append(text_of("too_long", plan.language))
        yield from self._found(run, plan, passages, said)
        return fitting

    def _read(
        self, run: AnswerRun, plan: Plan, sections: Sequence[Section], generator: Generator
    ) -> Iteration[AnswerEvent, None, list[SectionNotes]]:
        """The model's notes on each section; progress is told meanwhile."""
        kind, language, total = plan.task.kind, plan.language, len(sections)
        prompts = [build_notes(kind, plan.question, one, language) for one in sections]
        max_tokens = min(
            MAX_LIST_TOKENS if kind == "list" else MAX_NOTE_TOKENS, self._max_answer_tokens
        )
        notes: list[SectionNotes] = []
        reading = read_sections(
            run,
            prompts,
            generator,
            firsts=[section[0].number for section in sections],
            max_tokens=max_tokens,
            temperature=self._heat(run),
        )
        try:
            for done in range(total):
                said = text_of("progress", language, done=done + 1, total=total)
                yield Progress(done, total, said)
                notes.append(next(reading))
        finally:
            reading.close()
        return notes

    def _stream(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """What the model writes, each statement checked against the run's passages."""
        run.prompt = tuple(messages)
        parser = self._parser(run)
        for text in until_repeated(self._generate(run, messages, generator)):
            yield from run.take(parser.feed(text))
        yield from run.take(parser.finish())
        yield from run.end_refused()

    def _generate(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator
    ) -> Iteration[str, None, None]:
        generation = generator.generate(
            messages, max_tokens=self._max_answer_tokens, temperature=self._heat(run)
        )
        yield from watched(generation, run)

    def _quote(self, run: AnswerRun, plan: Plan) -> Iteration[AnswerEvent, None, None]:
        """Without a model: the headings with the first sentence below each."""
        is_list = plan.task.kind == "list"
        sections = _spread_over_documents([(passage,) for passage in plan.passages], MAX_QUOTED)
        passages = [section[0] for section in sections]
        said = [text_of("quoted_list" if is_list else "quoted", plan.language)]
        if len(passages) < len(plan.passages):
            total = len(plan.passages)
            said.append(text_of("spread", plan.language, done=len(passages), total=total))
        yield from self._found(run, plan, passages, said)
        lines = [
            f"- {line} [{passage.number}]" for passage in passages if (line := _first(passage))
        ]
        yield from self._show(run, "\n".join(lines))

    def _show(self, run: AnswerRun, text: str) -> Iteration[AnswerEvent, None, None]:
        """A text that is ready, checked line by line."""
        parser = self._parser(run)
        for line in text.splitlines(keepends=True):
            yield from run.take(parser.feed(line))
        yield from run.take(parser.finish())
        yield from run.end_refused()

    def _found(
        self, run: AnswerRun, plan: Plan, passages: Sequence[Passage], notes: Sequence[str]
    ) -> Iteration[AnswerEvent, None, None]:
        found = replace(plan.found, notes=(*plan.found.notes, *notes))
        run.found(found, passages)
        yield SourcesFound(tuple(passages), found.hits, found)

    def _heat(self, run: AnswerRun) -> float:
        """The temperature that the question asks for, or the configured one."""
        return self._temperature if run.temperature is None else run.temperature

    def _room(self, bare: Sequence[Message], generator: Generator, share: float) -> int:
        """Tokens of sources in a prompt; `share` of the usual ones where these are bounded."""
        room = generator.max_model_len - self._max_answer_tokens - generator.count_chat_tokens(bare)
        bound = room if self._context_tokens is None else int(share * self._context_tokens)
        return max(min(room, bound), 0)

    def _fits(self, plan: Plan, section: Section, generator: Generator) -> bool:
        prompt = build_notes(plan.task.kind, plan.question, section, plan.language)
        return generator.count_chat_tokens(prompt) <= (
            generator.max_model_len - self._max_answer_tokens
        )

    def _parser(self, run: AnswerRun) -> CitationParser:
        encoder = self._sentences.encoder_of(run.passages)
        checker = SupportChecker(run.passages, encoder, run.query.put)
        return CitationParser(checker, signs_of(run.passages))


def _spread_over_documents(sections: Sequence[Section], limit: int) -> list[Section]:
    """At most so many, as many of each document, in their order; one of each at the least."""
    documents = list(dict.fromkeys(section[0].document_id for section in sections))
    share = max(1, limit // max(1, len(documents)))
    chosen = []
    for document_id in documents[:limit]:
        own = [section for section in sections if section[0].document_id == document_id]
        chosen += spread(own, share)
    return chosen


def _fitting(notes: Sequence[str], room: int, generator: Generator) -> list[str]:
    """Notes that fit together; of too many, some spread over all."""
    lines = [f"- {note}" for note in notes]
    while lines and generator.count_tokens("\n".join(lines)) > room:
        step = min(4, len(lines))
        lines = [line for place, line in enumerate(lines, start=1) if place % step]
    return lines


def _first(passage: Passage) -> str:
    """The first whole sentence of a passage, below its heading."""
    spans = split_sentences(passage.text)
    texts = [" ".join(passage.text[start:end].split()) for start, end in spans]
    headings = {heading.casefold() for heading in (*passage.headings, passage.title)}
    said = [text for text in texts if text.strip("#* ").casefold() not in headings]
    if not said:
        return ""
    first = said[0][:MAX_SENTENCE_CHARACTERS].lstrip("#-*• ")
    return f"**{passage.headings[-1]}**: {first}" if passage.headings else first
