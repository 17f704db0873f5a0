"""The passages that hold a question's evidence, to give in place of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.catalog import Catalog
from rag.evaluation.answer_sets import AnswerSet, Evidence, EvidenceSpans
from rag.passages import join_chunks
from rag.types import Hit, Passage, StoredChunk, StoredDocument


def give_evidence(asked: AnswerSet, catalog: Catalog) -> AnswerSet:
    """The questions whose evidence stands in the documents, each with the passages that hold it."""
    documents = catalog.documents()
    given = []
    for question in asked.questions:
        if passages := _passages_of(question.evidence, documents, catalog):
            given.append(replace(question, passages=tuple(passages)))
    return replace(asked, questions=tuple(given))


def _passages_of(
    evidence: Sequence[Evidence], documents: Sequence[StoredDocument], catalog: Catalog
) -> list[Passage]:
    chunks: dict[int, StoredChunk] = {}
    for one in evidence:
        spans = EvidenceSpans([one], catalog.document_text)
        for document in documents:
            if one.is_of(document.path):
                found = filter(spans.holds, catalog.chunks_of(document.document_id))
                chunks |= {chunk.chunk_id: chunk for chunk in found}
    hits = [Hit(rank, 0.0, chunk) for rank, chunk in enumerate(chunks.values(), start=1)]
    return join_chunks(hits, catalog)
