"""From a question to a cited answer."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from rag.answer_run import AnswerRun
from rag.ask_options import USUAL, AskOptions
from rag.catalog import Catalog
from rag.conversation import go_on, is_covered, put_question
from rag.encoder import Encoder, Vectors
from rag.federation import Federation
from rag.generate import Generator
from rag.generate.stopping import StoppableGenerator, Stopper
from rag.history import ShownHistory, show_history
from rag.indexes import Indexes
from rag.known_sentences import KnownSentences
from rag.order_notes import with_order_notes
from rag.packer import Packed, pack
from rag.passages import join_chunks
from rag.prompt import build_messages
from rag.query import Query, understand
from rag.reranker import Reranker, find_reranked
from rag.retriever import EVERYTHING, Retriever
from rag.scopes import Scope
from rag.spans import span
from rag.structured.filling import Filler, needs_generator, with_exact_count
from rag.structured.prompt import with_schema
from rag.structured.schema import JsonSchema
from rag.tables.answering import answer_by_computing
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    Found,
    Hit,
    Message,
    Passage,
)
from rag.where import Mode, Where
from rag.whole.answering import WholeAnswers
from rag.whole.plan import Plan, Planner
from rag.writer import Writer

HISTORY_SHARE = 4  # a fourth of what the question leaves may be history
MAX_TRIES = 5  # of a search whose documents are replaced before they are packed
EXTRACTIVE = "extractive"  # the name of the model that is none


class Footnote:
    """Searches and answers. Safe to use from many threads.

    Without a generator an answer is made of the best sentences, quoted. `context_tokens` bounds
    the passages of a prompt; None takes all that fit the model. With `words_only` the vectors of
    the index are not the encoder's, and it finds by words alone. `where` narrows every question.
    `rewrites` lets the model put follow-up questions so that they stand alone; else rules do.
    With `general_knowledge` the model adds what it knows to every refusal, marked so.
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
        general_knowledge: bool = False,
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
        self._words_only = words_only
        self._reranker = reranker
        self._top_k = top_k
        self._context_tokens = context_tokens
        self._max_answer_tokens = max_answer_tokens
        sentences = KnownSentences(encoder, None if words_only else self._catalog)
        self._writer = Writer(
            sentences, max_answer_tokens=max_answer_tokens, temperature=temperature
        )
        self._filler = Filler(
            sentences, max_answer_tokens=max_answer_tokens, temperature=temperature
        )
        self._rewriter = generator if rewrites else None
        self._general = general_knowledge
        self._planner = Planner(self._catalog, generator.count_tokens if generator else len)
        self._whole = WholeAnswers(
            sentences,
            max_answer_tokens=max_answer_tokens,
            temperature=temperature,
            context_tokens=context_tokens,
        )

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

        with span("search", mode=mode) as searched:
            found = find_reranked(find, top_k, self._reranker)
            searched.tell(hits=len(found.hits), mode=found.mode)
        return replace(found, notes=query.notes + found.notes)

    def ask(
        self,
        question: str,
        history: Sequence[Message] = (),
        options: AskOptions = USUAL,
    ) -> Answer:
        """Answer at once. Raises GenerationError if the model fails."""
        for event in self.stream(question, history, options):
            if isinstance(event, AnswerFinished):
                return event.answer
        raise AssertionError("a stream ends with AnswerFinished")

    def stream(
        self,
        question: str,
        history: Sequence[Message] = (),
        options: AskOptions = USUAL,
    ) -> Iteration[AnswerEvent, None, None]:
        """Answer in pieces: the sources, then text and citations, then the whole answer.

        Closing the iterator stops the model. Raises GenerationError if the model fails, SchemaError
        if the JSON schema of the options cannot be used.
        """
        return self._stoppable(options.stopper)._stream(question, history, options)

    def _stoppable(self, stopper: Stopper | None) -> Footnote:
        """This one for a single question, whose model stops with it."""
        if stopper is None or self._generator is None:
            return self
        own = copy(self)
        own._generator = StoppableGenerator(self._generator, stopper)
        own._rewriter = own._generator if self._rewriter else None
        return own

    def _stream(
        self, question: str, history: Sequence[Message], options: AskOptions
    ) -> Iteration[AnswerEvent, None, None]:
        schema = None if options.schema is None else JsonSchema(options.schema)
        run = AnswerRun(question, understand(question, history, self._rewriter, options.language))
        run.allows_general = options.general or self._general
        run.temperature = options.temperature
        if schema is not None:
            yield from self._fill(run, history, options, schema)
        elif plan := self._plan(run.query, options):
            yield from self._whole.answer(run, plan, self._generator)
        elif prompt := self._go_on(run, options):
            assert self._generator is not None, "there is a prompt only for a model"
            yield run.sources()
            yield from self._writer.write_from(run, prompt, self._generator)
        else:
            yield from self._answer(run, history, options)
        if run.abstained and run.allows_general and self._generator and schema is None:
            yield from self._writer.write_general(run, self._generator)
        yield AnswerFinished(run.answer(self._name))

    def answer_from(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from these passages, without a search. GenerationError if the model fails."""
        run = AnswerRun(question, understand(question))
        run.found(Found((), question), passages)
        for _ in self._write(run, Packed(tuple(passages), ())):
            pass
        return run.answer(self._name)

    @property
    def catalog(self) -> Catalog:
        """What is searched, for reading."""
        return self._catalog

    def state(self) -> str:
        """Another after each change of the documents; "" where that cannot be told."""
        return self._catalog.state()

    def setup(self) -> dict[str, object]:
        """What an answer depends on beside question, documents and settings, as JSON."""
        return {
            "model": self._name,
            "encoder": self._encoder.fingerprint,
            "where": self._where.as_json(),
            "meaning": not self._words_only,
        }

    @property
    def num_unranked(self) -> int:
        """How many searches the reranker had no time for so far."""
        return self._reranker.num_left_out if self._reranker else 0

    @property
    def engine_state(self) -> str:
        """Of the language model: none, ready, restarting or stopped."""
        return getattr(self._generator, "state", "ready") if self._generator else "none"

    def encode(self, question: str) -> Vectors:
        """A question's embedding (d,), a unit vector."""
        vector: Vectors = self._encoder.encode_queries([question])[0]
        return vector

    @property
    def _name(self) -> str:
        return self._generator.name if self._generator else EXTRACTIVE

    def _num_hits(self, options: AskOptions) -> int:
        return self._top_k if options.top_k is None else options.top_k

    def _answer(
        self, run: AnswerRun, history: Sequence[Message], options: AskOptions
    ) -> Iteration[AnswerEvent, None, None]:
        """From the best passages."""
        found, packed = self._retrieve(run, history, options)
        run.found(found, packed.passages, packed.report)
        yield run.sources()
        if not (yield from answer_by_computing(run, found, self._catalog, self._generator)):
            yield from self._write(run, packed)

    def _fill(
        self, run: AnswerRun, history: Sequence[Message], options: AskOptions, schema: JsonSchema
    ) -> Iteration[AnswerEvent, None, None]:
        """JSON by a schema, from the best passages."""
        generator = needs_generator(self._generator)
        found, packed = self._retrieve(run, history, options, schema)
        packed = with_exact_count(packed, run, generator, schema)
        run.found(found, packed.passages, packed.report)
        yield run.sources()
        yield from self._filler.fill(run, packed, generator, schema)

    def _retrieve(
        self,
        run: AnswerRun,
        history: Sequence[Message],
        options: AskOptions,
        schema: JsonSchema | None = None,
    ) -> tuple[Found, Packed]:
        """What was found, with what its reader should know of it, and what of it is shown."""
        shown = self._shown(run.query, history)
        found, packed = self._find(run.query, shown.messages, options, schema)
        if note := shown.note(run.query.language):
            found = replace(found, notes=(*found.notes, note))
        return with_order_notes(found, packed.passages, run.question), packed

    def _write(self, run: AnswerRun, packed: Packed) -> Iteration[AnswerEvent, None, None]:
        if not packed.passages:
            yield from run.abstain()
        elif self._generator is None:
            yield from self._writer.quote(run)
        else:
            yield from self._writer.write(run, packed, self._generator)

    def _plan(self, query: Query, options: AskOptions) -> Plan | None:
        """What is read for a task over whole documents."""

        def search(text: str, top_k: int, where: Where) -> Found:
            return self._look_up(understand(text), top_k, options.mode, where)

        where = self._where.also(options.where)
        return self._planner.plan(query, where, options.previous, search)

    def _go_on(self, run: AnswerRun, options: AskOptions) -> list[Message]:
        """The prompt of the answer before, gone on with where its sources are what is needed.

        The run then has these sources. [] where it is not to be.
        """
        query, before, generator = run.query, options.previous, self._generator
        leans = query.is_about_answer or query.alone != query.asked
        if not leans or before is None or generator is None or before.found is None:
            return []
        if before.found.where != self._where.also(options.where):
            return []
        prompt = go_on(query, before, generator, self._catalog, self._max_answer_tokens)
        if not prompt:
            return []
        if query.is_about_answer:
            found = replace(before.found, query=query.alone, notes=query.notes, timings_ms={})
        else:
            found = self._look_up(query, self._num_hits(options), options.mode, options.where)
            if not is_covered(found.hits, before.passages):
                return []
        run.found(found, before.passages)
        return prompt

    def _shown(self, query: Query, history: Sequence[Message]) -> ShownHistory:
        """What the model is shown of the conversation; nothing to put an answer otherwise."""
        if self._generator is None or query.is_about_answer:
            return ShownHistory(())
        budget = self._generator.max_model_len - self._max_answer_tokens
        room = budget - self._generator.count_chat_tokens(build_messages(query.put, ()))
        if self._context_tokens is not None:
            room = min(room, 2 * self._context_tokens)
        return show_history(history, self._generator, max(room, 0) // HISTORY_SHARE)

    def _find(
        self,
        query: Query,
        history: Sequence[Message],
        options: AskOptions,
        schema: JsonSchema | None,
    ) -> tuple[Found, Packed]:
        """Search and pack; again when a document was replaced in between."""
        asked = put_question(query)
        asked = asked if schema is None else with_schema(asked, schema)
        for tries_left in reversed(range(MAX_TRIES)):
            found = self._look_up(query, self._num_hits(options), options.mode, options.where)
            try:
                return found, self._pack(asked, found, history, options.scope)
            except KeyError:
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _pack(
        self, question: str, found: Found, history: Sequence[Message], scope: Scope
    ) -> Packed:
        catalog = self._catalog
        if self._generator is None:
            return Packed(tuple(join_chunks(found.hits, catalog)), ())
        with span("pack"):
            return pack(
                question,
                found.hits,
                history,
                self._generator,
                catalog,
                max_answer_tokens=self._max_answer_tokens,
                context_tokens=self._context_tokens,
                scope=scope,
                where=found.where,
                by_meaning=found.mode != "lexical",
            )
