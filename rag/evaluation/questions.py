"""Makes questions out of an index: a model writes them, the search and the model check them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.catalog import Catalog
from rag.evaluation.asking import ask_about, fault
from rag.evaluation.sampling import Evidence, draw_evidence
from rag.generate import Generator
from rag.retriever import Retriever
from rag.self_check import answers_question
from rag.types import Citation, Hit, Passage, StoredChunk

FOUND_AMONG = 10  # hits; a question that does not lead back to its passage is left out
NUM_CHECKED = 5  # hits that must not answer an unanswerable question


@dataclass(frozen=True, slots=True)
class Attempt:
    """A question that was written, and why it is left out; "" if it is kept."""

    question: str
    evidence: Evidence
    reason: str = ""


class QuestionMaker:
    """Writes questions about what an index holds; those of one seed and index are the same."""

    def __init__(self, catalog: Catalog, retriever: Retriever, generator: Generator) -> None:
        self._catalog = catalog
        self._retriever = retriever
        self._generator = generator

    def answerable(self, seed: int) -> Iterator[Attempt]:
        """Questions that a sentence answers: one a passage, until there are no more passages.

        Kept are those that lead back to their sentence, which answers them as the model judges.
        Raises GenerationError if the model fails.
        """
        kept: list[str] = []
        for evidence in draw_evidence(self._catalog, seed):
            question = ask_about(evidence, self._generator)
            reason = fault(question, evidence, kept)
            if not reason and not self._leads_back(question, evidence):
                reason = "does not find its passage"
            if not reason and not self._answers(question, evidence):
                reason = "not answered by its sentence"
            if not reason:
                kept.append(question)
            yield Attempt(question, evidence, reason)

    def unanswerable(self, seed: int) -> Iterator[Attempt]:
        """Questions near a passage that no passage found answers, as the model judges.

        Raises GenerationError if the model fails.
        """
        kept: list[str] = []
        for evidence in draw_evidence(self._catalog, seed):
            question = ask_about(evidence, self._generator, answerable=False)
            reason = fault(question, evidence, kept) or self._answered(question, evidence)
            if not reason:
                kept.append(question)
            yield Attempt(question, evidence, reason)

    def _leads_back(self, question: str, evidence: Evidence) -> bool:
        hits = self._retriever.search(question, FOUND_AMONG)
        return any(evidence.text in hit.chunk.text for hit in hits)  # a copy's will do

    def _answered(self, question: str, evidence: Evidence) -> str:
        hits = self._retriever.search(question, NUM_CHECKED)
        if all(hit.chunk.document_id != evidence.chunk.document_id for hit in hits):
            return "far from its passage"
        for hit in _with_own(hits, evidence.chunk):
            if self._answers(question, Evidence(hit, hit.start, hit.end)):
                return "may be answered"
        return ""

    def _answers(self, question: str, evidence: Evidence) -> bool:
        citation, passage = _quoted(evidence)
        return answers_question(self._generator, question, [citation], [passage])


def _with_own(hits: Sequence[Hit], own: StoredChunk) -> list[StoredChunk]:
    """The chunks found, and the one that was asked about, each once."""
    return list({chunk.chunk_id: chunk for chunk in [own, *(hit.chunk for hit in hits)]}.values())


def _quoted(evidence: Evidence) -> tuple[Citation, Passage]:
    """The sentence as an answer would quote it."""
    chunk = evidence.chunk
    passage = Passage(
        1, chunk.document_id, chunk.path, chunk.title, chunk.headings, chunk.page,
        chunk.start, chunk.end, chunk.text, 1.0,
    )  # fmt: skip
    citation = Citation(
        1, chunk.document_id, chunk.title, chunk.path, chunk.page, chunk.heading,
        evidence.start, evidence.end, evidence.text,
    )  # fmt: skip
    return citation, passage
