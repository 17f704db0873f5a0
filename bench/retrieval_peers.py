"""Other frameworks' retrieval on the same collections, each as its documentation shows it.

PYTHON bench/retrieval_peers.py NAME ENCODER_FOLDER MEMORY_FILE RUN_FOLDER COLLECTION...

Runs in the peer's own environment and imports nothing of Footnote. For each collection it writes
two TREC runs, `NAME-default/COLLECTION.trec` and `NAME-hybrid/COLLECTION.trec`, which
bench/retrieval.py measures. Every peer gets the title and the text of a document as its content,
cuts it as it does by default, and is asked for TOP_K hits. The encoder's prompts are set where the
peer has a setting for them. MEMORY_FILE keeps the vectors, since all of them encode the same
texts with the same sentence-transformers model; so nothing here is timed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP_K = 10
KEPT_TOGETHER = 512  # texts: one that is cut short goes on from there
QUERY_PROMPT, DOCUMENT_PROMPT = "query: ", "passage: "

Documents = dict[str, str]  # by id
Search = Callable[[str], Iterable[str]]  # query -> ids of documents, best first, perhaps repeated


@dataclass(frozen=True, slots=True)
class Peer:
    """`open` indexes documents: its default search, and its documented hybrid one."""

    packages: tuple[str, ...]
    open: Callable[[str, Documents], tuple[Search, Search]]


def llama_index(encoder: str, documents: Documents) -> tuple[Search, Search]:
    """VectorStoreIndex; QueryFusionRetriever with BM25Retriever, by reciprocal rank, one query.

    FAISS holds the vectors: the default store compares the same ones in Python, far slower.
    """
    import faiss
    from llama_index.core import Document, Settings, StorageContext, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.faiss import FaissVectorStore

    Settings.llm = MockLLM()  # which num_queries=1 never asks
    model = HuggingFaceEmbedding(
        model_name=encoder,
        query_instruction=QUERY_PROMPT,
        text_instruction=DOCUMENT_PROMPT,
        device="cpu",
    )
    dimension = len(model.get_text_embedding("warm up"))
    store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(dimension))
    index = VectorStoreIndex.from_documents(
        [Document(text=text, doc_id=number) for number, text in documents.items()],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=model,
    )
    dense = index.as_retriever(similarity_top_k=TOP_K)
    words = BM25Retriever.from_defaults(docstore=index.docstore, similarity_top_k=TOP_K)
    fused = QueryFusionRetriever(
        [dense, words],
        similarity_top_k=TOP_K,
        num_queries=1,
        mode="reciprocal_rerank",
        use_async=False,
    )

    def search_with(retriever: Any) -> Search:
        return lambda query: [hit.node.ref_doc_id for hit in retriever.retrieve(query)]

    return search_with(dense), search_with(fused)


def haystack(encoder: str, documents: Documents) -> tuple[Search, Search]:
    """The in-memory store; its two retrievers with DocumentJoiner, by reciprocal rank."""
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import (
        InMemoryBM25Retriever,
        InMemoryEmbeddingRetriever,
    )
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    device = ComponentDevice.from_str("cpu")
    embedder = SentenceTransformersDocumentEmbedder(
        model=encoder, prefix=DOCUMENT_PROMPT, progress_bar=False, device=device
    )
    asker = SentenceTransformersTextEmbedder(
        model=encoder, prefix=QUERY_PROMPT, progress_bar=False, device=device
    )
    embedder.warm_up()
    asker.warm_up()
    store = InMemoryDocumentStore()
    made = [Document(content=text, meta={"id": number}) for number, text in documents.items()]
    store.write_documents(embedder.run(documents=made)["documents"])
    by_vector = InMemoryEmbeddingRetriever(store, top_k=TOP_K)
    by_words = InMemoryBM25Retriever(store, top_k=TOP_K)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=TOP_K)

    def dense(query: str) -> list[Any]:
        found: list[Any] = by_vector.run(asker.run(text=query)["embedding"])["documents"]
        return found

    def hybrid(query: str) -> list[Any]:
        lists = [dense(query), by_words.run(query)["documents"]]
        found: list[Any] = joiner.run(documents=lists)["documents"]
        return found

    return (
        lambda query: [document.meta["id"] for document in dense(query)],
        lambda query: [document.meta["id"] for document in hybrid(query)],
    )


def txtai(encoder: str, documents: Documents) -> tuple[Search, Search]:
    """Embeddings, without and with hybrid=True.

    It calls the model's own encode_query and encode_document, which add the prompts.
    """
    from txtai.embeddings import Embeddings

    def search_with(**options: Any) -> Search:
        model = Embeddings(path=encoder, method="sentence-transformers", gpu=False, **options)
        model.index([(number, text, None) for number, text in documents.items()])
        return lambda query: [number for number, _ in model.search(query, TOP_K)]

    return search_with(), search_with(hybrid=True)


PEERS = {
    "llama-index": Peer(
        (
            "llama-index-core", "llama-index-vector-stores-faiss", "llama-index-retrievers-bm25",
            "llama-index-embeddings-huggingface", "faiss-cpu",
        ),
        llama_index,
    ),
    "haystack": Peer(("haystack-ai", "sentence-transformers-haystack"), haystack),
    "txtai": Peer(("txtai", "sentence-transformers"), txtai),
}  # fmt: skip


class Memory:
    """Keeps what sentence-transformers has encoded, by the text with its prompt."""

    def __init__(self, path: Path, encoder: str) -> None:
        self._encoder = encoder
        self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, row BLOB)")

    def install(self) -> None:
        """Let every model ask here first."""
        import numpy as np
        import torch
        from sentence_transformers import SentenceTransformer

        original = SentenceTransformer.encode
        memory = self

        def encode(model: Any, inputs: Any, **options: Any) -> Any:
            prompt = options.get("prompt") or model.prompts.get(options.get("prompt_name"), "")
            given = [inputs] if isinstance(inputs, str) else list(inputs)
            texts = [prompt + text for text in given]
            keys = [memory.key(text) for text in texts]
            missing = {k: t for k, t in zip(keys, texts, strict=True) if not memory.get(k)}
            for start in range(0, len(missing), KEPT_TOGETHER):
                some = dict(list(missing.items())[start : start + KEPT_TOGETHER])
                batch = options.get("batch_size", 32)
                rows = original(model, list(some.values()), batch_size=batch)
                memory.put(dict(zip(some, np.asarray(rows, dtype="<f4"), strict=True)))
            vectors = np.stack([np.frombuffer(memory.get(k) or b"", dtype="<f4") for k in keys])
            result = vectors[0] if isinstance(inputs, str) else vectors
            return torch.tensor(result) if options.get("convert_to_tensor") else result

        SentenceTransformer.encode = encode  # type: ignore[method-assign]

    def key(self, text: str) -> str:
        return hashlib.sha256(f"{self._encoder}\0{text}".encode()).hexdigest()

    def get(self, key: str) -> bytes | None:
        found = self._connection.execute("SELECT row FROM kept WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def put(self, rows: dict[str, Any]) -> None:
        values = [(key, row.tobytes()) for key, row in rows.items()]
        with self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", values)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _write_run(search: Search, queries: dict[str, str], path: Path, tag: str) -> None:
    lines = []
    for number, query in queries.items():
        for rank, document in enumerate(dict.fromkeys(search(query)), start=1):
            lines.append(f"{number} Q0 {document} {rank} {1 / rank:.8f} {tag}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), "utf-8")


def main() -> None:
    """Index and search each collection."""
    name, encoder, memory, runs, *collections = sys.argv[1:]
    Memory(Path(memory), encoder).install()
    for folder in map(Path, collections):
        rows = _lines(folder / "corpus.jsonl")
        documents = {
            str(row["_id"]): f"{row.get('title') or ''}\n{row['text']}".strip() for row in rows
        }
        queries = {str(row["_id"]): row["text"] for row in _lines(folder / "queries.jsonl")}
        for setting, search in zip(
            ("default", "hybrid"), PEERS[name].open(encoder, documents), strict=True
        ):
            tag = f"{name}-{setting}"
            _write_run(search, queries, Path(runs) / tag / f"{folder.name}.trec", tag)
            print(f"{tag} {folder.name}", flush=True)


if __name__ == "__main__":
    main()
