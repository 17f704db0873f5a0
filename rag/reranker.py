"""Reranking: a cross-encoder reads question and passage together, within a time budget."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag.encoder import half_precision, length_batches
from rag.errors import ModelError
from rag.types import Found, Hit, StoredChunk

GPU_BATCH_TOKENS = 8192
BATCH_TOKENS = 512  # the clock is looked at between batches, so on a processor they are small
FORGETTING = 0.9  # of the known pace, each time that it forbade to begin: the machine was busy
WARM_UP = ("Is this a test?", "This passage has about as many words as one sentence has. " * 12)

# Qwen3-Reranker as published is a plain language model, whose answer to this is yes or no. Its
# own chat template has no place for a question and a document.
QWEN3_TEMPLATE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: Given a web search query, retrieve relevant passages that "
    "answer the query\n"
    "<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}"
    "\n<Document>: "
    "{{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}"
    "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>{{ '\n\n' }}"
)

Scored = tuple[StoredChunk, float]

log = logging.getLogger(__name__)


class Scorer(Protocol):
    """Says how well passages answer a question, one by one; called by one thread at a time."""

    name: str
    batch_tokens: int

    def token_counts(self, query: str, passages: Sequence[str]) -> list[int]:
        """How many tokens each passage is together with the question."""

    def scores(self, query: str, passages: Sequence[str]) -> Sequence[float]:
        """One score in 0..1 for each passage, higher is better. All go through at once."""


class Reranker:
    """Puts the first hits of a search in a scorer's order, all of them or none.

    `num_candidates` hits are scored, and as many as are wanted if that is more. What takes longer
    than `budget_ms`, or at the pace so far would, is given up, and the order stays as it was.
    Safe to share between threads.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        num_candidates: int,
        budget_ms: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.num_candidates = num_candidates
        self.num_left_out = 0  # searches that kept their own order
        self._scorer = scorer
        self._budget_s = budget_ms / 1000
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds_per_token = 0.0  # lately

    def rerank(
        self, query: str, found: Sequence[Scored], top_k: int
    ) -> tuple[list[Scored], tuple[str, ...]]:
        """The `top_k` best with the scorer's scores, and no note; or the first `top_k` as they
        came, with a note that says why.
        """
        candidates = found[: max(self.num_candidates, top_k)]
        unchanged = list(found[:top_k])
        if not candidates:
            return unchanged, ()
        try:
            scores = self._score(query, [passage_text(chunk) for chunk, _ in candidates])
        except Exception as error:  # no memory, most likely: the hits stand all the same
            log.warning("The reranker %s failed.", self._scorer.name, exc_info=True)
            return unchanged, (f"{self._left_out()}: it failed ({error}).",)
        if scores is None:
            return unchanged, (
                f"{self._left_out()}: {len(candidates)} passages take it longer than reranker_ms = "
                f"{1000 * self._budget_s:.0f}. Raise that, or lower reranker_candidates.",
            )
        order = sorted(range(len(candidates)), key=lambda i: (-scores[i], i))
        return [(candidates[i][0], scores[i]) for i in order[:top_k]], ()

    def _left_out(self) -> str:
        self.num_left_out += 1
        return (
            f"Passages stand in the order of the search, without the reranker {self._scorer.name}"
        )

    def _score(self, query: str, passages: list[str]) -> list[float] | None:
        """A score for each passage; None if time runs out, waiting for other searches included."""
        deadline = self._clock() + self._budget_s
        if not self._lock.acquire(timeout=self._budget_s):
            return None
        try:
            return self._score_batches(query, passages, deadline)
        finally:
            self._lock.release()

    def _score_batches(
        self, query: str, passages: list[str], deadline: float
    ) -> list[float] | None:
        scorer, scores = self._scorer, [0.0] * len(passages)
        counts = scorer.token_counts(query, passages)
        batches = length_batches(counts, scorer.batch_tokens)[::-1]  # the longest first
        sizes = [len(batch) * max(counts[i] for i in batch) for batch in batches]
        for number, batch in enumerate(batches):
            started = self._clock()
            if self._seconds_per_token * sum(sizes[number:]) > deadline - started:
                self._seconds_per_token *= FORGETTING
                return None
            for i, score in zip(
                batch, scorer.scores(query, [passages[i] for i in batch]), strict=True
            ):
                scores[i] = float(score)
            self._seconds_per_token = (self._clock() - started) / max(1, sizes[number])
        return scores if self._clock() <= deadline else None


def find_reranked(find: Callable[[int], Found], top_k: int, reranker: Reranker | None) -> Found:
    """What `find` finds, asked for as many hits as the reranker reads, in its order."""
    if reranker is None:
        return find(top_k)
    found = find(max(top_k, reranker.num_candidates))
    with_scores = [(hit.chunk, hit.score) for hit in found.hits]
    best, notes = reranker.rerank(found.query, with_scores, top_k)
    hits = [Hit(rank, score, chunk) for rank, (chunk, score) in enumerate(best, start=1)]
    return replace(found, hits=tuple(hits), notes=found.notes + notes)


def passage_text(chunk: StoredChunk) -> str:
    """What a scorer reads of a chunk: where it stands, then its text.

    A language model's marks are broken, so that no passage can speak for the model.
    """
    lines = [line for line in (chunk.title, chunk.heading, chunk.text) if line]
    return "\n".join(lines).replace("<|", "< |")


class CrossEncoderScorer:
    """A cross-encoder that sentence-transformers loads, from a folder.

    That is a classifier with one output (BAAI/bge-reranker-v2-m3), or a language model that says
    yes or no (Qwen/Qwen3-Reranker-0.6B). In half precision where the device computes in it.
    Raises ModelError if the folder holds neither.
    """

    def __init__(
        self, path: str, *, name: str = "", device: str = "cpu", num_threads: int | None = None
    ) -> None:
        import torch
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        if num_threads:
            torch.set_num_threads(num_threads)
        self.name = name or path
        self.batch_tokens = BATCH_TOKENS if device == "cpu" else GPU_BATCH_TOKENS
        self._activation = torch.nn.Identity()
        try:
            self._model: Any = _load(path, device)
            if self._model.num_labels != 1:
                raise ValueError(f"it has {self._model.num_labels} outputs, where a reranker has 1")
            self._max_tokens = int(self._model.max_seq_length or 512)
            self.scores(WARM_UP[0], [WARM_UP[1]])  # what it still imports, it imports now
        except Exception as error:
            raise ModelError(
                f"The reranker {self.name} cannot be loaded ({error}). Set reranker to a "
                "cross-encoder such as BAAI/bge-reranker-v2-m3, to its folder, or to none."
            ) from error

    def token_counts(self, query: str, passages: Sequence[str]) -> list[int]:
        """How many tokens each passage is together with the question, without special ones."""
        found = self._model.tokenizer(
            [query, *passages], add_special_tokens=False, verbose=False
        )["input_ids"]  # fmt: skip
        return [min(len(found[0]) + len(ids), self._max_tokens) for ids in found[1:]]

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """The probabilities that the passages answer the question. ValueError if there are none."""
        logits = self._model.predict(
            [(query, passage) for passage in passages],
            batch_size=len(passages),
            activation_fn=self._activation,  # its own may be a sigmoid in single precision: ties
            show_progress_bar=False,
        )
        logits = np.asarray(logits, dtype=np.float64)
        if logits.shape != (len(passages),) or not np.isfinite(logits).all():
            raise ValueError(f"{self.name} gave no scores, but numbers of shape {logits.shape}")
        probabilities: list[float] = np.exp(-np.logaddexp(0.0, -logits)).tolist()
        return probabilities


def _load(path: str, device: str) -> Any:
    from sentence_transformers import CrossEncoder

    options: dict[str, Any] = {"model_kwargs": {"dtype": half_precision(device)}}
    if _is_bare_qwen3(Path(path)):
        options["processor_kwargs"] = {"chat_template": QWEN3_TEMPLATE}
    return CrossEncoder(path, device=device, local_files_only=True, **options)


def _is_bare_qwen3(folder: Path) -> bool:
    """Whether it is a Qwen3 language model without sentence-transformers' own files."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    is_language_model = "Qwen3ForCausalLM" in (config.get("architectures") or [])
    return is_language_model and not (folder / "modules.json").is_file()
