"""From a question to a cited answer."""

from __future__ import annotations

import time
from collections.abc import Generator as Iteration
from collections.abc import Sequence
from dataclasses import replace

from rag.citations import UNCITED, CitationParser, Piece
from rag.encoder import Encoder
from rag.federation import Federation
from rag.generate import Generation, Generator
from rag.generate.extractive import extract_answer
from rag.indexes import Indexes
from rag.packer import Packed, join_chunks, pack
from rag.prompt import NOT_FOUND, build_messages, is_refusal, may_become_refusal, refusal
from rag.query import Query, understand
from rag.repetition import until_repeated
from rag.reranker import Reranker, find_reranked
from rag.retriever import EVERYTHING, Retriever
from rag.self_check import answers_question
from rag.support import SupportChecker
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    Citation,
    CitationFound,
    Found,
    Hit,
    Message,
    Passage,
    SourcesFound,
)
from rag.where import Mode, Where

MAX_TRIES = 5  # of a search whose documents are replaced before they are packed
EXTRACTIVE = "extractive"  # the name of the model that is none


class Footnote:
    """Searches and answers. Safe to use from many threads.

    Without a generator an answer is made of the best sentences, quoted. `context_tokens` bounds
    the passages of a prompt; None takes all that fit the model. With `words_only` the vectors of
    the index are not the encoder's, and it finds by words alone. `where` narrows every question.
    `rewrites` lets the model put follow-up questions so that they stand alone; else rules do.
    """

    def __init__(
        self,
        indexes: Indexes | Federation,
        encoder: Encoder,
        generator: Generator | None,
        *,
        top_k: int = 10,
        context_tokens: int | None = None,
        max_answer_tokens: int = 512,
        temperature: float = 0.0,
        words_only: bool = False,
        where: Where = EVERYTHING,
        reranker: Reranker | None = None,
        rewrites: bool = True,
    ) -> None:
        self._catalog = indexes.catalog
        self._encoder = encoder
        self._generator = generator
        self._retriever = (
            indexes
            if isinstance(indexes, Federation)
            else Retriever(indexes, None if words_only else encoder)
        )
        self._where = where
        self._reranker = reranker
        self._top_k = top_k
        self._context_tokens = context_tokens
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature
        self._rewriter = generator if rewrites else None

    def search(
        self, query: str, top_k: int = 10, *, mode: Mode = "hybrid", where: Where = EVERYTHING
    ) -> list[Hit]:
        """The best chunks for a query, best first."""
        return list(self.find(query, top_k, mode=mode, where=where).hits)

    def find(
        self, query: str, top_k: int = 10, *, mode: Mode = "hybrid", where: Where = EVERYTHING
    ) -> Found:
        """The best chunks that the filter lets through, and how they were found.

        Raises SearchError if there is no such mode.
        """
        return self._look_up(understand(query), top_k, mode, where)

    def _look_up(self, query: Query, top_k: int, mode: Mode, where: Where) -> Found:
        """Search, and rerank where there is a reranker."""
        first, *others = query.searched
        narrowed = self._where.also(where)

        def find(k: int) -> Found:
            return self._retriever.find(
                first, k, wordings=others, literals=query.literals, mode=mode, where=narrowed
            )

        found = find_reranked(find, top_k, self._reranker)
        return replace(found, notes=query.notes + found.notes)

    def ask(
        self,
        question: str,
        history: Sequence[Message] = (),
        *,
        mode: Mode = "hybrid",
        where: Where = EVERYTHING,
    ) -> Answer:
        """Answer at once. Raises GenerationError if the model fails."""
        for event in self.stream(question, history, mode=mode, where=where):
            if isinstance(event, AnswerFinished):
                return event.answer
        raise AssertionError("a stream ends with AnswerFinished")

    def stream(
        self,
        question: str,
        history: Sequence[Message] = (),
        *,
        mode: Mode = "hybrid",
        where: Where = EVERYTHING,
    ) -> Iteration[AnswerEvent, None, None]:
        """Answer in pieces: the sources, then text and citations, then the whole answer.

        Closing the iterator stops the model. Raises GenerationError if the model fails.
        """
        run = _Run(question, understand(question, history, self._rewriter))
        found, packed = self._find(run.query, history, mode, where)
        run.found(found, packed.passages)
        yield SourcesFound(packed.passages, found.hits, found)
        if not packed.passages:
            yield from run.abstain()
        elif self._generator is None:
            yield from self._quote(run)
        else:
            yield from self._write(run, packed, self._generator)
        name = self._generator.name if self._generator else EXTRACTIVE
        yield AnswerFinished(run.answer(name))

    def _find(
        self, query: Query, history: Sequence[Message], mode: Mode, where: Where
    ) -> tuple[Found, Packed]:
        """Search and pack; again when a document was replaced in between."""
        for tries_left in reversed(range(MAX_TRIES)):
            found = self._look_up(query, self._top_k, mode, where)
            try:
                return found, self._pack(query.asked, found.hits, history)
            except KeyError:
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _pack(self, question: str, hits: Sequence[Hit], history: Sequence[Message]) -> Packed:
        catalog = self._catalog
        if self._generator is None:
            passages = join_chunks(hits, catalog)
            return Packed(tuple(passages), (), 0, ())
        return pack(
            question,
            hits,
            history,
            self._generator,
            catalog,
            max_answer_tokens=self._max_answer_tokens,
            context_tokens=self._context_tokens,
        )

    def _quote(self, run: _Run) -> Iteration[AnswerEvent, None, None]:
        text = extract_answer(run.query.alone, run.passages, self._encoder)
        if not text:
            yield from run.abstain()
            return
        parser = self._parser(run)
        yield from run.take([*parser.feed(text), *parser.finish()])

    def _write(
        self, run: _Run, packed: Packed, generator: Generator
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
        self, run: _Run, messages: Sequence[Message], generator: Generator
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
        self, run: _Run, messages: Sequence[Message], generator: Generator
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
        self, run: _Run, messages: Sequence[Message], generator: Generator, avoid: str = ""
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

    def _answers(self, run: _Run, citations: Sequence[Citation], generator: Generator) -> bool:
        """Whether the quotes answer the question, as it stands alone."""
        return answers_question(generator, run.query.alone, citations, run.passages)

    def _parser(self, run: _Run) -> CitationParser:
        return CitationParser(SupportChecker(run.passages, self._encoder, run.question))


class _Run:
    """One question on its way to its answer: what was found, said and measured."""

    def __init__(self, question: str, query: Query) -> None:
        self.question = question
        self.query = query
        self.passages: tuple[Passage, ...] = ()
        self._found = Found((), question)
        self._pieces: list[AnswerText | CitationFound] = []
        self._abstained = False
        self._tokens = (0, 0)
        self._started = time.perf_counter()
        self._timings_ms: dict[str, float] = {}

    def found(self, found: Found, passages: Sequence[Passage]) -> None:
        self._found, self.passages = found, tuple(passages)
        self._timings_ms["retrieve"] = self._elapsed_ms()

    def tick(self) -> None:
        """The model wrote something; the first time counts."""
        self._timings_ms.setdefault("first_token", self._elapsed_ms())

    def take(
        self, pieces: Sequence[AnswerText | CitationFound]
    ) -> Iteration[AnswerEvent, None, None]:
        for piece in pieces:
            self._pieces.append(piece)
            yield piece

    def abstain(self) -> Iteration[AnswerEvent, None, None]:
        self._abstained = True
        yield from self.take([AnswerText(refusal(self.question))])

    def end_refused(self) -> Iteration[AnswerEvent, None, None]:
        """An answer of which nothing is borne out is none: the marks stand, and it is said.

        A refusal in the model's own words counts as one too.
        """
        text = "".join(piece.text for piece in self._pieces if isinstance(piece, AnswerText))
        cited = self.citations()
        if any(citation.supported for citation in cited):
            return
        self._abstained = is_refusal(text)
        if not self._abstained and (cited or UNCITED in text):
            yield from self.refuse_after_all()

    def refuse_after_all(self) -> Iteration[AnswerEvent, None, None]:
        """What was shown stands; that it is no answer is said below it."""
        self._abstained = True
        yield from self.take([AnswerText(f"\n\n{refusal(self.question)}")])

    def citations(self) -> list[Citation]:
        return [piece.citation for piece in self._pieces if isinstance(piece, CitationFound)]

    def count(self, generation: Generation) -> None:
        """Add up what was read and written; the same prompt asked again is read from a cache."""
        written = self._tokens[1] + generation.completion_tokens
        self._tokens = (generation.prompt_tokens, written)

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def answer(self, model: str) -> Answer:
        self.tick()
        self._timings_ms["total"] = self._elapsed_ms()
        text = "".join(
            p.text if isinstance(p, AnswerText) else p.citation.label for p in self._pieces
        )
        return Answer(
            question=self.question,
            text=text.strip(),
            abstained=self._abstained,
            citations=tuple(self.citations()),
            passages=self.passages,
            hits=self._found.hits,
            prompt_tokens=self._tokens[0],
            completion_tokens=self._tokens[1],
            model=model,
            timings_ms=self._timings_ms,
            found=self._found,
        )
