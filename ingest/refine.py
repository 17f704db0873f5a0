"""Encodes the sentences of what is indexed already: a second pass, which can stop at any time.

Documents are found as soon as `sync` is done; this makes the order of what is found better.
"""

from __future__ import annotations

from collections.abc import Callable

from rag.catalog import Catalog
from rag.encoder import Encoder
from rag.sentence_vectors import sentences_of

BLOCK_CHUNKS = 64  # encoded and committed at once: about two seconds of a small processor


def refine(
    catalog: Catalog,
    encoder: Encoder,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Encode the sentences of every chunk that lacks them; return of how many chunks.

    `progress` is told how many are done, after each block. What is committed stays, so that a
    run that was stopped goes on where it ended.
    """
    done, after = 0, ""
    if not catalog.num_without_sentences():
        return 0
    while not should_stop():
        block = catalog.texts_without_sentences(after, BLOCK_CHUNKS)
        if not block:
            break
        sentences = [sentences_of(text) for _, text in block]
        vectors = encoder.encode_documents([one for each in sentences for one in each])
        rows, start = [], 0
        for (key, _), each in zip(block, sentences, strict=True):
            rows.append((key, vectors[start : start + len(each)]))
            start += len(each)
        catalog.put_sentences(rows)
        done, after = done + len(block), block[-1][0]
        progress(done)
    return done
