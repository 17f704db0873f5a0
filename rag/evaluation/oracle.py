"""The passages that hold a question's evidence, to give in place of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.catalog import Catalog
from rag.evaluation.answer_sets import AnswerSet, Evidence
from rag.passages import join_chunks
from rag.types import Hit, Passage, StoredDocument


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
    chunks = {}
    for one in evidence:
        for document in documents:
            if not one.is_of(document.path):
                continue
            spans = one.spans(catalog.document_text(document.document_id))
            for chunk in catalog.chunks_of(document.document_id):
                if any(start < chunk.end and chunk.start < end for start, end in spans):
                    chunks[chunk.chunk_id] = chunk
    hits = [Hit(rank, 0.0, chunk) for rank, chunk in enumerate(chunks.values(), start=1)]
    return join_chunks(hits, catalog)
