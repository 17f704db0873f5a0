"""Writes an answer from passages: with the model, checked as it comes, or without, by quoting."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from typing import Literal

from rag.answer_run import AnswerRun
from rag.answer_script import is_other_script, shows_script
from rag.citations import UNCITED, CitationParser, Piece
from rag.conversation import put_question
from rag.errors import GenerationError
from rag.general import build_general
from rag.generate import Generation, Generator
from rag.generate.extractive import extract_answer
from rag.known_sentences import KnownSentences
from rag.notices import quoted_heading
from rag.packer import Packed
from rag.prompt import (
    NOT_FOUND,
    build_messages,
    insist,
    is_refusal,
    may_become_refusal,
    signs_of,
)
from rag.refusal import QUOTED, Signals, answers
from rag.repetition import until_repeated
from rag.self_check import look_again, weigh
from rag.spans import begin, span
from rag.support import SupportChecker
from rag.types import AnswerEvent, AnswerText, CitationFound, Message

Outcome = Literal["answered", "refused", "other script"]  # of a first attempt


class Writer:
    """Writes answers into runs. Safe to use from many threads.

    What it yields is what the asker sees; closing the iterator stops the model.
    """

    def __init__(
        self, sentences: KnownSentences, *, max_answer_tokens: int, temperature: float
    ) -> None:
        self._sentences = sentences
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature

    def quote(self, run: AnswerRun) -> Iteration[AnswerEvent, None, None]:
        encoder = self._sentences.encoder_of(run.passages)
        text = extract_answer(run.query.alone, run.passages, encoder)
        if not text:
            yield from run.abstain()
            return
        parser = CitationParser(SupportChecker(run.passages, encoder, run.question))
        yield from run.take([*parser.feed(text), *parser.finish()])

    def write(
        self, run: AnswerRun, packed: Packed, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """The model's answer, checked; after a refusal, an attempt or quotes that must convince."""
        messages = build_messages(
            put_question(run.query), packed.passages, packed.history, run.query.language
        )
        yield from self.write_from(run, messages, generator)

    def write_from(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """The same from a prompt that is ready; its sources are the run's passages."""
        run.prompt = tuple(messages)
        encoder = self._sentences.encoder_of(run.passages)
        checker = SupportChecker(run.passages, encoder, run.query.put)
        outcome = yield from self._first_attempt(run, messages, generator, checker)
        if outcome == "other script":
            messages = insist(messages, run.query.language)
            outcome = yield from self._first_attempt(
                run, messages, generator, checker, takes_any_script=True
            )
        if outcome == "refused":
            pieces = self._second_attempt(run, messages, generator, checker)
            pieces = pieces or self._quotes(run, generator, checker)
            yield from run.take(pieces) if pieces else run.abstain()
        elif any(citation.supported for citation in run.citations()):
            run.signals = self._signals(run, generator, checker, run.pieces, refused=False)
            if not answers(run.signals):
                yield from run.refuse_after_all()
                return
            yield from run.tell_disagreements()

    def write_general(
        self, run: AnswerRun, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        """What the model knows, after what the documents did not answer."""
        messages = build_general(run.query.alone, run.query.language)
        yield from run.add_general(until_repeated(self._generate(run, messages, generator)))

    def _first_attempt(
        self,
        run: AnswerRun,
        messages: Sequence[Message],
        generator: Generator,
        checker: SupportChecker,
        *,
        takes_any_script: bool = False,
    ) -> Iteration[AnswerEvent, None, Outcome]:
        """Stream what the model writes; nothing of a refusal, or of what is not in the script."""
        parser = CitationParser(checker, signs_of(run.passages))
        opening, is_open = "", False
        with closing(until_repeated(self._generate(run, messages, generator))) as pieces:
            for text in pieces:
                if not is_open:
                    opening += text
                    if may_become_refusal(opening) or not shows_script(opening):
                        continue
                    if not takes_any_script and is_other_script(opening, run.query.language):
                        return "other script"
                    is_open, text = True, opening
                yield from run.take(parser.feed(text))
        if not is_open:
            if is_refusal(opening) or not opening.strip():
                return "refused"
            if not takes_any_script and is_other_script(opening, run.query.language):
                return "other script"
            yield from run.take(parser.feed(opening))
        yield from run.take(parser.finish())
        yield from run.end_refused()
        return "answered"

    def _second_attempt(
        self,
        run: AnswerRun,
        messages: Sequence[Message],
        generator: Generator,
        checker: SupportChecker,
    ) -> list[Piece]:
        """What the model writes when it may not refuse, if that is borne out; else nothing."""
        text = "".join(self._generate(run, messages, generator, avoid=NOT_FOUND))
        if is_refusal(text):
            return []
        parser = CitationParser(checker, signs_of(run.passages))
        pieces = [*parser.feed(text), *parser.finish()]
        if supported_share(pieces) < 1:
            return []
        run.signals = self._signals(run, generator, checker, pieces, refused=True)
        return pieces if answers(run.signals) else []

    def _quotes(self, run: AnswerRun, generator: Generator, checker: SupportChecker) -> list[Piece]:
        """The sentences nearest to the question that by themselves answer it, as the model says.

        Nothing where the model tells no probabilities: its yes alone is worth too little.
        """
        question = run.query.alone
        encoder = self._sentences.encoder_of(run.passages)
        near = checker.nearness(question)
        quoted: list[tuple[Signals, list[Piece]]] = []
        for line in extract_answer(question, run.passages, encoder).splitlines():
            parser = CitationParser(checker)
            pieces = [*parser.feed(line), *parser.finish()]
            if not line or supported_share(pieces) < 1:
                continue
            with span("verify"):
                look = weigh(generator, question, parser.citations, run.passages)
            if look is None:
                return []
            signals = Signals(look=look, near=near, refused=True, supported=1.0)
            if answers(signals, QUOTED):
                quoted.append((signals, pieces))
        if not quoted:
            return []
        quoted.sort(key=lambda one: -one[0].look)
        run.signals = quoted[0][0]
        heading = quoted_heading(question, run.query.language)
        lines = ([AnswerText("\n\n"), *pieces] for _, pieces in quoted)
        return [AnswerText(heading), *chain.from_iterable(lines)]

    def _signals(
        self,
        run: AnswerRun,
        generator: Generator,
        checker: SupportChecker,
        pieces: Sequence[Piece],
        *,
        refused: bool,
    ) -> Signals:
        """What tells whether the sources answer the question, as it stands alone."""
        question = run.query.alone
        cited = [p.citation for p in pieces if isinstance(p, CitationFound)]
        borne_out = [citation for citation in cited if citation.supported]
        with span("verify"):
            look = look_again(generator, question, borne_out, run.passages)
        return Signals(
            look=look,
            near=checker.nearness(question),
            refused=refused,
            supported=supported_share(pieces),
        )

    def _generate(
        self, run: AnswerRun, messages: Sequence[Message], generator: Generator, avoid: str = ""
    ) -> Iteration[str, None, None]:
        generation = generator.generate(
            messages,
            max_tokens=self._max_answer_tokens,
            temperature=self._temperature if run.temperature is None else run.temperature,
            avoid=avoid,
        )
        yield from watched(generation, run)


def watched(generation: Generation, run: AnswerRun) -> Iteration[str, None, None]:
    """What is generated, timed and counted; leaving it stops the model."""
    told = begin("generate")
    try:
        for text in generation:
            run.tick()
            yield text
    except GenerationError as error:
        told.end(error)
        raise
    finally:
        generation.close()
        run.count(generation)
        run.is_cut = generation.finish_reason == "length"  # of attempts the last one is shown
        told.tell(prompt_tokens=generation.prompt_tokens, tokens=generation.completion_tokens)
        told.end()


def supported_share(pieces: Sequence[Piece]) -> float:
    """The share of the statements' citations that hold; `[?]` is one that does not. 0 of none."""
    text = "".join(piece.text for piece in pieces if isinstance(piece, AnswerText))
    cited = [piece.citation.supported for piece in pieces if isinstance(piece, CitationFound)]
    return sum(cited) / (len(cited) + text.count(UNCITED)) if cited else 0.0
