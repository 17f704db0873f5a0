"""Writes an answer from passages: with the model, checked as it comes, or without, by quoting."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence

from rag.answer_run import AnswerRun
from rag.citations import UNCITED, CitationParser, Piece
from rag.encoder import Encoder
from rag.generate import Generator
from rag.generate.extractive import extract_answer
from rag.packer import Packed
from rag.prompt import NOT_FOUND, build_messages, is_refusal, may_become_refusal
from rag.repetition import until_repeated
from rag.self_check import answers_question
from rag.support import SupportChecker
from rag.types import AnswerEvent, AnswerText, Citation, Message


class Writer:
    """Writes answers into runs. Safe to use from many threads.

    What it yields is what the asker sees; closing the iterator stops the model.
    """

    def __init__(self, encoder: Encoder, *, max_answer_tokens: int, temperature: float) -> None:
        self._encoder = encoder
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature

    def quote(self, run: AnswerRun) -> Iteration[AnswerEvent, None, None]:
        text = extract_answer(run.query.alone, run.passages, self._encoder)
        if not text:
            yield from run.abstain()
            return
        parser = self._parser(run)
        yield from run.take([*parser.feed(text), *parser.finish()])

    def write(
        self, run: AnswerRun, packed: Packed, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """The model's answer, checked; after a refusal, a second attempt that must convince."""
        messages = build_messages(run.question, packed.passages, packed.history)
        is_answer = yield from self._first_attempt(run, messages, generator)
        if not is_answer:
            pieces = self._second_attempt(run, messages, generator)
            yield from run.take(pieces) if pieces else run.abstain()
            return
        borne_out = [citation for citation in run.citations() if citation.supported]
        if borne_out and not self._answers(run, borne_out, generator):
            yield from run.refuse_after_all()

    def _first_attempt(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator
    ) -> Iteration[AnswerEvent, None, bool]:
        """Stream what the model writes; False, with nothing shown, if that is a refusal."""
        parser = self._parser(run)
        opening, is_open = "", False
        for text in until_repeated(self._generate(run, messages, generator)):
            if not is_open:
                opening += text
                if may_become_refusal(opening):
                    continue
                is_open, text = True, opening
            yield from run.take(parser.feed(text))
        if not is_open:
            if is_refusal(opening) or not opening.strip():
                return False
            yield from run.take(parser.feed(opening))
        yield from run.take(parser.finish())
        yield from run.end_refused()
        return True

    def _second_attempt(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator
    ) -> list[Piece]:
        """What the model writes when it may not refuse, if that is borne out; else nothing."""
        text = "".join(self._generate(run, messages, generator, avoid=NOT_FOUND))
        if is_refusal(text):
            return []
        parser = self._parser(run)
        pieces = [*parser.feed(text), *parser.finish()]
        is_marked = any(isinstance(p, AnswerText) and UNCITED in p.text for p in pieces)
        found = parser.citations
        is_sound = bool(found) and not is_marked and all(c.supported for c in found)
        return pieces if is_sound and self._answers(run, found, generator) else []

    def _generate(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator, avoid: str = ""
    ) -> Iteration[str, None, None]:
        generation = generator.generate(
            messages,
            max_tokens=self._max_answer_tokens,
            temperature=self._temperature,
            avoid=avoid,
        )
        try:
            for text in generation:
                run.tick()
                yield text
        finally:
            generation.close()
            run.count(generation)

    def _answers(self, run: AnswerRun, citations: Sequence[Citation], generator: Generator) -> bool:
        """Whether the quotes answer the question, as it stands alone."""
        return answers_question(generator, run.query.alone, citations, run.passages)

    def _parser(self, run: AnswerRun) -> CitationParser:
        return CitationParser(SupportChecker(run.passages, self._encoder, run.question))
