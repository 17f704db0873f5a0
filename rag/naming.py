"""Which documents speak of what a question names.

A report names its company on the cover and then says "we": a passage may answer a question about
the company without naming it, but its document does name it, and the others' do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag.catalog import Catalog
from rag.lexical import LexicalIndex
from rag.names import names_in
from rag.types import StoredChunk

MAX_HOLDERS = 3000  # chunks with a name that are looked at, the best by words first
MAX_NAMES = 8  # of a question
MIN_CHUNKS = 3  # of a document, with a name that it is about; less is for the word index to judge


def named_shares(
    questions: Sequence[str],
    language: str,
    chunks: Sequence[StoredChunk],
    catalog: Catalog,
    lexical: LexicalIndex,
) -> npt.NDArray[np.float64]:
    """For each chunk the share of the questions' names that its document is about, in 0..1.

    A chunk in another language than the question may write the names otherwise: it counts as the
    best of those in the question's language do. Without names all are 0.
    """
    names = sorted({name for question in questions for name in names_in(question)})[:MAX_NAMES]
    known = [name for name in names if lexical.count(name)]
    shares = np.zeros(len(chunks))
    own = np.array([chunk.language == language for chunk in chunks], dtype=bool)
    if not known or not own.any():
        return shares
    documents = np.array([chunk.document_id for chunk in chunks])
    for name in known:
        ids = lexical.holding([name], 0, MAX_HOLDERS)
        shares += np.isin(documents, catalog.documents_of(ids, MIN_CHUNKS))
    shares[~own] = shares[own].max()
    return shares / len(known)
