"""Asks the questions of a collection through the whole pipeline, and judges the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rag import cli_output as output
from rag import parts
from rag.config import Settings
from rag.encoder import Encoder
from rag.errors import GenerationError
from rag.evaluation.answer_measures import (
    CitationScore,
    Judge,
    SpanJudge,
    best_f1,
    exact_match,
    holds_answer,
    plain_text,
    score_citations,
    written_text,
)
from rag.evaluation.answer_sets import AnswerQuestion, AnswerSet, Document, EvidenceSpans
from rag.evaluation.generations import RememberingGenerator
from rag.evaluation.indexing import Encoders, open_corpus_index, open_folders_index
from rag.indexes import Indexes
from rag.language import detect_language
from rag.pipeline import Footnote
from rag.types import Answer, Citation

MIN_LETTERS = 4  # an answer of fewer has no language


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A question, its answer, and what is right of it. None stands for what cannot be judged.

    `found` and `packed`: the evidence is among the hits, where any were looked for, and among what
    the model saw. `cited`: a citation that passed the check points to it. `spans_hold`: every quote
    is what stands in its document there. `is_remembered`: something of it was not asked anew, so
    its times say nothing.
    """

    question: AnswerQuestion
    answer: Answer | None
    problem: str = ""
    found: bool | None = None
    packed: bool | None = None
    cited: bool | None = None
    correct: bool | None = None
    exact: bool | None = None
    f1: float | None = None
    citations: CitationScore = field(default_factory=lambda: CitationScore(0, 0, 0, 0))
    spans_hold: bool = True
    same_language: bool | None = None
    is_remembered: bool = False

    @property
    def refused(self) -> bool:
        return self.answer is not None and self.answer.abstained

    @property
    def answered(self) -> bool:
        """Whether an answer was given; a model that failed neither answers nor refuses."""
        return self.answer is not None and not self.answer.abstained


@contextmanager
def open_footnote(
    asked: AnswerSet, settings: Settings, encoders: Encoders, generator: Any
) -> Iterator[tuple[Footnote, Indexes]]:
    """The pipeline over the documents of a collection, and their index."""
    encoder, remembering = encoders.get(settings)  # the second is not for many threads
    store = encoders.store
    opened = (
        open_folders_index(store, asked.folders, settings, remembering)
        if asked.folders
        else open_corpus_index(store, [asked.name], asked.corpus or {}, settings, remembering)
    )
    with opened as indexes:
        yield (
            Footnote(
                indexes,
                encoder,
                generator,
                top_k=settings.top_k,
                context_tokens=parts.context_tokens(settings) if generator else None,
                max_answer_tokens=settings.max_answer_tokens,
                temperature=settings.temperature,
                rewrites=parts.rewrites_by_model(settings),
                reranker=parts.open_reranker(settings, output.say),
            ),
            indexes,
        )


def answer_all(
    asked: AnswerSet,
    footnote: Footnote,
    indexes: Indexes,
    encoder: Encoder,
    generator: RememberingGenerator | None,
    *,
    jobs: int,
    judge: Judge | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[JudgedAnswer]:
    """Ask `jobs` questions at once; a question whose answer fails is judged as failed."""

    def ask(question: AnswerQuestion) -> JudgedAnswer:
        if generator is not None:
            generator.take_count()
        try:
            answer = (
                footnote.answer_from(question.text, question.passages)
                if question.passages
                else footnote.ask(question.text)
            )
        except GenerationError as error:
            judged = judge_failure(question, str(error))
        else:
            is_remembered = generator is not None and generator.take_count() > 0
            chosen = judge or SpanJudge(encoder, question.text)
            is_given = question.passages and not (asked.corpus or asked.folders)
            text_of = _given(question) if is_given else indexes.catalog.document_text
            judged = judge_answer(question, answer, text_of, chosen, is_remembered)
        return judged

    judged = []
    with ThreadPoolExecutor(jobs, thread_name_prefix="question") as pool:
        for done, one in enumerate(pool.map(ask, asked.questions), start=1):
            judged.append(one)
            progress(done)
    return judged


def judge_failure(question: AnswerQuestion, problem: str) -> JudgedAnswer:
    """What cannot be right where there is no answer: a model that fails earns nothing by it."""
    return JudgedAnswer(
        question,
        None,
        problem=problem,
        cited=False if question.evidence else None,
        correct=False if question.facts else None,
        exact=False if question.references else None,
        f1=0.0 if question.references else None,
    )


def judge_answer(
    question: AnswerQuestion,
    answer: Answer,
    text_of: Document,
    judge: Judge,
    is_remembered: bool = False,
) -> JudgedAnswer:
    """What is right of an answer."""
    spans = EvidenceSpans(question.evidence, text_of)
    has_evidence = bool(question.evidence)
    is_searched = has_evidence and not question.passages
    text = plain_text(written_text(answer))
    given = not answer.abstained
    has_facts, has_references = bool(question.facts), bool(question.references)
    return JudgedAnswer(
        question,
        answer,
        found=any(map(spans.holds, (hit.chunk for hit in answer.hits))) if is_searched else None,
        packed=any(map(spans.holds, answer.passages)) if has_evidence else None,
        cited=_cites(answer.citations, spans) if has_evidence else None,
        correct=given and holds_answer(text, question.facts) if has_facts else None,
        exact=given and exact_match(text, question.references) if has_references else None,
        f1=(best_f1(text, question.references) if given else 0.0) if has_references else None,
        citations=score_citations(answer, judge) if given else CitationScore(0, 0, 0, 0),
        spans_hold=all(_is_span(citation, text_of) for citation in answer.citations),
        same_language=_same_language(question.text, text) if given else None,
        is_remembered=is_remembered,
    )


def _cites(citations: Sequence[Citation], spans: EvidenceSpans) -> bool:
    return any(citation.supported and spans.holds(citation) for citation in citations)


def _is_span(citation: Citation, text_of: Document) -> bool:
    try:
        text = text_of(citation.document_id)
    except KeyError:
        return False
    return bool(citation.quote) and text[citation.start : citation.end] == citation.quote


def _same_language(question: str, text: str) -> bool | None:
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return None
    return detect_language(text) == detect_language(question)


def _given(question: AnswerQuestion) -> Document:
    texts = {passage.document_id: passage.text for passage in question.passages}
    return texts.__getitem__
