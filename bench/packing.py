"""How long a prompt takes to be packed, and which order and number of passages answers best.

python -m bench.packing --tokens 131072              # speed, on the model's own tokenizer
python -m bench.packing --experiment --questions 20  # answers, with the model of the settings
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ingest.sync import sync
from rag import parts
from rag.catalog import Catalog
from rag.config import load_settings
from rag.generate import Generator
from rag.indexes import Indexes
from rag.metrics import holds_facts
from rag.models import resolve_generator
from rag.packer import Packed, pack
from rag.passages import join_chunks
from rag.pipeline import Footnote
from rag.prompt import build_messages, is_refusal
from rag.scopes import Scope
from rag.tokens import ChatTokenizer
from rag.types import Hit, Message, Passage

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results"
QUESTION = "How long is the notice period?"
MAX_ANSWER_TOKENS = 512
REPEATS = 9
MAX_HITS = 1000  # as many as a question may look for
ORDERS = ("best first", "best last", "sandwich")
VARIANTS = tuple(
    (order, count) for count in (3, 5, 10) for order in ORDERS if (order, count) != (ORDERS[2], 3)
)
CHUNK_TOKENS = 64  # short, so that ten passages are 512 tokens
AT_ONCE = 6


class FlatEncoder:
    """Finds all texts alike: what is packed here was not searched for."""

    dimension, max_tokens, fingerprint = 8, 500, "flat-8"

    def encode_documents(self, texts: Sequence[str]) -> Any:
        return np.full((len(texts), 8), 8**-0.5, dtype=np.float32)

    encode_queries = encode_documents

    def token_starts(self, text: str) -> Any:
        return np.array([m.start() for m in re.finditer(r"[\u3400-\u9fff]|\w+|[^\w\s]", text)])


class Counting:
    """Counts as the model does; it cannot write."""

    def __init__(self, folder: str, max_model_len: int) -> None:
        self._tokenizer = ChatTokenizer.from_folder(folder)
        self.max_model_len = max_model_len

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count(text)

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        return self._tokenizer.count_chat(messages)

    def encoded(self, messages: Sequence[Message]) -> int:
        return len(self._tokenizer.encode_chat(messages))


def main() -> None:
    """Measure one of the two, print and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=131_072, help="the model's longest prompt")
    parser.add_argument("--docs", type=Path, nargs="*", help="folders to pack from")
    parser.add_argument("--experiment", action="store_true")
    parser.add_argument("--questions", type=int, default=20, help="of each language")
    parser.add_argument("--minutes", type=float, default=60.0, help="no question begins later")
    options = parser.parse_args()
    name = "packing-orders" if options.experiment else "packing"
    result = (
        experiment(options.questions, options.minutes) if options.experiment else speed(options)
    )
    print(json.dumps(result["summary"], indent=2, ensure_ascii=False))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"written: {path}")


# Speed


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of `pack` when no text was counted before (cold), and when all was.

    Median wall-clock times, and those of the processor, which other work does not lengthen.
    """
    folders = options.docs or [SHARED / "gitlab-handbook" / "files", SHARED / "law-zh" / "files"]
    folders = [folder for folder in folders if folder.exists()] or [ROOT / "docs", ROOT / "data"]
    settings = load_settings()
    model = resolve_generator(settings.generator, settings.cache, print).path
    rows = []
    with indexed(folders, FlatEncoder()) as indexes:
        catalog = indexes.catalog
        chunks = [one for d in catalog.documents() for one in catalog.chunks_of(d.document_id)]
        hits = [Hit(rank, 1 / rank, chunk) for rank, chunk in enumerate(chunks, start=1)]
        spread = hits[:: max(1, len(hits) // 10)][:10]
        cases: list[tuple[Scope, list[Hit]]] = [
            ("passage", hits[:MAX_HITS]),
            ("auto", spread),
            ("document", spread),
            ("folder", spread),
        ]
        for scope, found in cases:
            rows.append(_timed(scope, found, str(model), options.tokens, catalog))
            print(json.dumps(rows[-1]), flush=True)
    slowest = {kind: max(row[kind] for row in rows) for kind in rows[0] if kind.endswith("_ms")}
    return {
        "command": f"python -m bench.packing --tokens {options.tokens}",
        "summary": {"slowest": slowest, "aim_ms": 100},
        "cases": rows,
    }


def _timed(
    scope: Scope, hits: list[Hit], model: str, tokens: int, catalog: Catalog
) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        counting = Counting(model, tokens)
        for kind in ("cold", "warm"):
            started, busy = time.perf_counter(), time.thread_time()
            packed = _packed(scope, hits, counting, catalog)
            times.setdefault(f"{kind}_ms", []).append(time.perf_counter() - started)
            times.setdefault(f"{kind}_cpu_ms", []).append(time.thread_time() - busy)
    report = packed.report
    assert report is not None
    exact = counting.encoded(build_messages(QUESTION, packed.passages, packed.history))
    assert exact == report.prompt_tokens <= report.budget
    return {
        "scope": scope, "hits": len(hits), "passages": len(packed.passages),
        "left_out": len(report.left_out), "prompt_tokens": exact, "budget": report.budget,
        **{kind: round(1000 * statistics.median(some), 1) for kind, some in times.items()},
    }  # fmt: skip


def _packed(scope: Scope, hits: list[Hit], counting: Counting, catalog: Catalog) -> Packed:
    return pack(
        QUESTION, hits, (), cast(Generator, counting), catalog,
        max_answer_tokens=MAX_ANSWER_TOKENS, context_tokens=None, scope=scope,
    )  # fmt: skip


@contextmanager
def indexed(folders: Sequence[Path], encoder: Any, chunk_tokens: int = 256) -> Iterator[Indexes]:
    """A fresh index of some folders, deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder,
        Indexes(Path(folder), dimension=encoder.dimension, read_only=False) as indexes,
    ):
        sync(indexes, encoder, folders, max_file_bytes=10**7, max_chunk_tokens=chunk_tokens)
        yield indexes


# Order and number


def experiment(num_questions: int, minutes: float) -> dict[str, Any]:
    """Ask the same questions with each order and number of passages; count right answers."""
    settings = load_settings()
    generator = parts.open_generator(settings, print)
    assert generator is not None, "the settings name no language model"
    encoder = parts.open_encoder(settings, print)
    asked = [
        case
        for pair in zip(
            *(_cases(n, num_questions, encoder) for n in ("xquad-zh", "xquad-en")), strict=True
        )
        for case in pair
    ]
    rows: list[dict[str, Any]] = []
    lock = threading.Lock()

    end = time.monotonic() + 60 * minutes

    def ask(case: dict[str, Any]) -> None:
        if time.monotonic() > end:
            return
        row = _answers(case, generator)
        with lock:
            rows.append(row)
            print(len(rows), row["question"], row["right"], flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, asked))
    return {
        "command": f"python -m bench.packing --experiment --questions {num_questions}",
        "model": generator.name,
        "summary": _summary(rows),
        "questions": rows,
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = [row for row in rows if row["answer_rank"]]
    summary: dict[str, Any] = {"questions": len(rows), "answer_among_ten": len(found)}
    for order, count in VARIANTS:
        name = f"{count} passages, {order}"
        right = sum(row["right"][name] for row in rows)
        refused = sum(is_refusal(row["answers"][name]) for row in rows)
        summary[name] = {"right": right, "refused": refused}
    return summary


def _cases(name: str, count: int, encoder: Any) -> list[dict[str, Any]]:
    """Questions spread over a set, each with its ten best passages."""
    folder = SHARED / name
    lines = (folder / "queries.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines[:: max(1, len(lines) // count)]][:count]
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as docs:
        for number, line in enumerate((folder / "corpus.jsonl").read_text("utf-8").splitlines()):
            Path(docs, f"{number}.txt").write_text(json.loads(line)["text"], "utf-8")
        with indexed([Path(docs)], encoder, CHUNK_TOKENS) as indexes:
            footnote = Footnote(indexes, encoder, None)
            for question in questions:
                hits = footnote.search(question["text"], 10)
                passages = [join_chunks([hit], indexes.catalog)[0] for hit in hits]
                question["passages"] = passages
    return questions


def _answers(case: dict[str, Any], generator: Generator) -> dict[str, Any]:
    facts = [case["answers"]]
    ranks = [n for n, p in enumerate(case["passages"], start=1) if holds_facts(p.text, facts)]
    answers: dict[str, str] = {}
    for order, count in VARIANTS:
        passages = arrange(case["passages"][:count], order)
        messages = [
            Message(m.role, re.sub(r"(sources )[0-9a-f]{8}>", r"\g<1>00000000>", m.content))
            for m in build_messages(case["text"], passages)
        ]  # the same mark in all: the passages that two prompts begin with are read once
        answers[f"{count} passages, {order}"] = "".join(generator.generate(messages, max_tokens=48))
    right = {n: holds_facts(a, facts) and not is_refusal(a) for n, a in answers.items()}
    return {
        "question": case["text"], "gold": case["answers"], "answer_rank": min(ranks, default=0),
        "right": right, "answers": answers,
    }  # fmt: skip


def arrange(passages: Sequence[Passage], order: str) -> list[Passage]:
    """Best first, best last, or the best at both ends; numbered as they then stand."""
    ordered = list(passages)
    if order == "best last":
        ordered.reverse()
    elif order == "sandwich":  # 1 3 5 ... 4 2
        ordered = [*ordered[::2], *ordered[1::2][::-1]]
    return [replace(passage, number=n) for n, passage in enumerate(ordered, start=1)]


if __name__ == "__main__":
    main()
