"""Other frameworks' ingest of the same folders, each as its documentation shows it.

PYTHON bench/ingest_peers.py NAME ENCODER_FOLDER CHUNK_TOKENS FOLDER...

Runs in the peer's own environment and imports nothing of Footnote. Prints one line of JSON: chunks
and seconds, imports and the loading of the encoder left out. Vectors go into FAISS where the peer
has it. A file that the peer cannot read is left out and counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPT = "passage: "
BATCH_SIZE = 32  # texts; the default of each of them
SUFFIXES = {".pdf", ".docx", ".pptx", ".md", ".txt", ".html", ".htm", ".csv", ".tsv", ".json",
            ".jsonl", ".xml", ".epub", ".xlsx"}  # fmt: skip
TEXT_SUFFIXES = {".md", ".txt", ".html", ".htm", ".csv", ".tsv", ".json", ".jsonl", ".xml"}


@dataclass(frozen=True, slots=True)
class Job:
    """What a peer is to do."""

    encoder: str
    chunk_tokens: int
    files: list[str]


@dataclass(frozen=True, slots=True)
class Peer:
    """`open` loads the encoder and returns the work: (chunks, files that could not be read)."""

    packages: tuple[str, ...]
    open: Callable[[Job], Callable[[], tuple[int, int]]]


def llama_index(job: Job) -> Callable[[], tuple[int, int]]:
    """SimpleDirectoryReader, SentenceSplitter, VectorStoreIndex on FAISS."""
    import faiss
    from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.faiss import FaissVectorStore

    model = HuggingFaceEmbedding(
        model_name=job.encoder, text_instruction=PROMPT, device="cpu", embed_batch_size=BATCH_SIZE
    )
    dimension = len(model.get_text_embedding("warm up"))
    splitter = SentenceSplitter(
        chunk_size=job.chunk_tokens, chunk_overlap=0, tokenizer=model._model.tokenizer.tokenize
    )

    def work() -> tuple[int, int]:
        documents, num_failed = [], 0
        for file in job.files:
            try:
                documents += SimpleDirectoryReader(
                    input_files=[file], raise_on_error=True
                ).load_data()
            except Exception:
                num_failed += 1
        nodes = splitter.get_nodes_from_documents(documents)
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(dimension))
        context = StorageContext.from_defaults(vector_store=store)
        VectorStoreIndex(nodes, storage_context=context, embed_model=model)
        return len(nodes), num_failed

    return work  # fmt: skip


def langchain(job: Job) -> Callable[[], tuple[int, int]]:
    """Community loaders by suffix, RecursiveCharacterTextSplitter, FAISS."""
    from langchain_community.document_loaders import Docx2txtLoader, PyPDFLoader, TextLoader
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    model = HuggingFaceEmbeddings(
        model_name=job.encoder,
        model_kwargs={"device": "cpu"},
        encode_kwargs={"prompt": PROMPT, "batch_size": BATCH_SIZE},
    )
    model.embed_documents(["warm up"])
    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        model._client.tokenizer, chunk_size=job.chunk_tokens, chunk_overlap=0
    )
    loaders: dict[str, Any] = {".pdf": PyPDFLoader, ".docx": Docx2txtLoader}
    loaders |= dict.fromkeys(TEXT_SUFFIXES, lambda path: TextLoader(path, encoding="utf-8"))

    def work() -> tuple[int, int]:
        documents, num_failed = [], 0
        for file in job.files:
            try:
                documents += loaders[Path(file).suffix.lower()](file).load()
            except Exception:
                num_failed += 1
        chunks = splitter.split_documents(documents)
        FAISS.from_documents(chunks, model)
        return len(chunks), num_failed

    return work


def haystack(job: Job) -> Callable[[], tuple[int, int]]:
    """Converters by suffix, DocumentSplitter (it counts words), the in-memory store."""
    from haystack.components.converters import (
        DOCXToDocument,
        HTMLToDocument,
        PPTXToDocument,
        PyPDFToDocument,
        TextFileToDocument,
    )
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
    )

    embedder = SentenceTransformersDocumentEmbedder(
        model=job.encoder,
        prefix=PROMPT,
        batch_size=BATCH_SIZE,
        progress_bar=False,
        device=ComponentDevice.from_str("cpu"),
    )
    embedder.warm_up()
    words = job.chunk_tokens * 3 // 4  # of English; it has no splitter by the encoder's tokens
    splitter = DocumentSplitter(split_by="word", split_length=words)
    splitter.warm_up()
    converters: dict[str, Any] = {".pdf": PyPDFToDocument(), ".docx": DOCXToDocument()}
    converters |= {".pptx": PPTXToDocument()}
    converters |= dict.fromkeys(TEXT_SUFFIXES, TextFileToDocument())
    converters |= dict.fromkeys((".html", ".htm"), HTMLToDocument())

    def work() -> tuple[int, int]:
        documents, num_failed = [], 0
        for file in job.files:
            try:
                found = converters[Path(file).suffix.lower()].run(sources=[file])["documents"]
            except Exception:
                found = []
            documents += found
            num_failed += not found
        chunks = splitter.run(documents=documents)["documents"]
        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        store.write_documents(embedder.run(documents=chunks)["documents"])
        return len(chunks), num_failed

    return work


def txtai(job: Job) -> Callable[[], tuple[int, int]]:
    """Embeddings on FAISS; its Textractor needs Java for PDFs, so pypdf and python-docx read."""
    from txtai.embeddings import Embeddings

    model = Embeddings(
        path=job.encoder,
        method="sentence-transformers",
        instructions={"query": "query: ", "data": PROMPT},
        backend="faiss",
        content=False,
        gpu=False,
        encodebatch=BATCH_SIZE,
    )
    model.transform("warm up")
    tokenizer = model.model.model.tokenizer

    def work() -> tuple[int, int]:
        chunks: list[str] = []
        num_failed = 0
        for file in job.files:
            try:
                chunks += _pieces(_plain_text(Path(file)), tokenizer, job.chunk_tokens)
            except Exception:
                num_failed += 1
        model.index([(number, chunk, None) for number, chunk in enumerate(chunks)])
        return len(chunks), num_failed

    return work


def _plain_text(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        from pypdf import PdfReader

        return "\n".join(page.extract_text() for page in PdfReader(path).pages)
    if suffix == ".docx":
        from docx import Document

        return "\n".join(paragraph.text for paragraph in Document(str(path)).paragraphs)
    if suffix not in TEXT_SUFFIXES:
        raise ValueError(f"{suffix} is not read")
    return path.read_text("utf-8")


def _pieces(text: str, tokenizer: Any, chunk_tokens: int) -> Iterator[str]:
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    starts = [start for start, _ in found["offset_mapping"]][::chunk_tokens]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end]


PEERS = {
    "llama-index": Peer(
        (
            "llama-index-core", "llama-index-readers-file", "llama-index-vector-stores-faiss",
            "llama-index-embeddings-huggingface", "faiss-cpu", "docx2txt", "python-pptx",
        ),
        llama_index,
    ),
    "langchain": Peer(
        (
            "langchain-community", "langchain-huggingface", "langchain-text-splitters",
            "sentence-transformers", "faiss-cpu", "pypdf", "docx2txt",
        ),
        langchain,
    ),
    "haystack": Peer(
        ("haystack-ai", "sentence-transformers-haystack", "pypdf", "python-docx", "python-pptx",
         "trafilatura"),
        haystack,
    ),
    "txtai": Peer(("txtai", "sentence-transformers", "pypdf", "python-docx"), txtai),
}  # fmt: skip


def main() -> None:
    """Do one peer's job, print its figures."""
    name, encoder, chunk_tokens, *folders = sys.argv[1:]
    files = sorted(
        str(path)
        for folder in folders
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix.lower() in SUFFIXES and path.name != "questions.jsonl"
    )
    work = PEERS[name].open(Job(encoder, int(chunk_tokens), files))
    started = time.perf_counter()
    num_chunks, num_failed = work()
    seconds = time.perf_counter() - started
    figures = {
        "files": len(files),
        "failed": num_failed,
        "chunks": num_chunks,
        "seconds": round(seconds, 2),
        "chunks_per_second": round(num_chunks / seconds, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
