"""Measures retrieval: collections, settings and a search mode in, figures out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag import cli_output as output
from rag import parts
from rag.config import Settings, load_settings
from rag.encoder import Encoder
from rag.errors import SettingError
from rag.evaluation.datasets import PATH_PREFIX, Dataset, merge_documents
from rag.evaluation.indexing import Encoders, open_corpus_index
from rag.evaluation.measures import measure_run
from rag.evaluation.results import Result
from rag.evaluation.runs import Search, search_all, time_queries
from rag.indexes import Indexes
from rag.reranker import Reranker, find_reranked
from rag.retriever import Retriever
from rag.types import Found, Hit
from rag.where import MODES, Mode

DEPTH = 100  # documents of a run


@dataclass(frozen=True, slots=True)
class Configuration:
    """A named way to search: settings that differ from the user's own, and the mode."""

    name: str
    settings: Settings
    mode: Mode = "hybrid"


def make_configuration(name: str, pairs: Sequence[str]) -> Configuration:
    """From `key=value` pairs; the key `mode` is the search mode. SettingError if one is wrong."""
    given: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise SettingError(f"{pair!r} sets nothing. Write it as key=value, e.g. top_k=20.")
        given[key.strip()] = value.strip()
    mode = given.pop("mode", "hybrid")
    if mode not in MODES:
        raise SettingError(f"The mode {mode!r} is not known. Choose one of {', '.join(MODES)}.")
    return Configuration(name, load_settings(**given), mode)


def parse_configuration(text: str) -> Configuration:
    """From `name:key=value,key=value`. SettingError if a part is wrong."""
    name, sign, pairs = text.partition(":")
    if not sign or not name.strip():
        raise SettingError(f"{text!r} has no name. Write it as name:key=value,key=value.")
    return make_configuration(name.strip(), [pair for pair in pairs.split(",") if pair.strip()])


def evaluate(
    datasets: Sequence[Dataset],
    configuration: Configuration,
    encoders: Encoders,
    *,
    merge: bool = False,
    depth: int = DEPTH,
) -> Iterator[Result]:
    """One result a collection; with `merge` all their documents stand in one index."""
    settings = configuration.settings
    encoder, remembering = encoders.get(settings)
    reranker = parts.open_reranker(settings, output.say)
    for group in [datasets] if merge else [[dataset] for dataset in datasets]:
        names = [dataset.name for dataset in group]
        corpus = merge_documents(group)
        with open_corpus_index(encoders.store, names, corpus, settings, remembering) as indexes:
            counts = indexes.catalog.counts()
            for dataset in group:
                run = search_all(
                    make_search(configuration, indexes, remembering, reranker),
                    dataset.queries,
                    top_k=settings.top_k,
                    depth=depth,
                    document_id=_document_id,
                )
                yield Result(
                    dataset.name,
                    configuration.name,
                    counts["documents"],
                    counts["chunks"],
                    run,
                    measure_run(run, dataset.qrels),
                    time_queries(
                        make_search(configuration, indexes, encoder, reranker),
                        list(dataset.queries.values()),
                        top_k=settings.top_k,
                    ),
                )
    if reranker is not None and reranker.num_left_out:
        output.say(
            f"{configuration.name}: {reranker.num_left_out} searches were not reranked in time, "
            "and count as they were found. Raise reranker_ms to measure the reranker itself."
        )


def make_search(
    configuration: Configuration,
    indexes: Indexes,
    encoder: Encoder,
    reranker: Reranker | None = None,
) -> Search:
    """The search as Footnote does it: the one place that knows how a retriever is made."""
    retriever = Retriever(indexes, encoder)

    def search(query: str, top_k: int) -> Sequence[Hit]:
        def find(k: int) -> Found:
            return retriever.find(query, k, mode=configuration.mode)

        return find_reranked(find, top_k, reranker).hits

    return search


def _document_id(hit: Hit) -> str:
    return hit.chunk.path.removeprefix(PATH_PREFIX)
