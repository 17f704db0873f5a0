"""What slips of the pen, quotes and identifiers do to a search, over a collection in BEIR's layout.

python -m bench.slips FOLDER                       # nDCG@10 without and with what undoes slips
python -m bench.slips FOLDER --index PLACE         # keep the index there, to use it again

In each question one letter of one or two words of five letters and more is dropped, doubled by
another, replaced, or swapped with the next, by chance but always the same. `unchanged` are the
collection's own questions: those that are respelled, hold a quote or an identifier are searched
with and without that, and the difference is spread over all questions.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ingest.sync import sync
from rag import retriever as retriever_module
from rag.config import load_settings
from rag.encoder import Encoder
from rag.exact import MAX_RARE
from rag.indexes import Indexes
from rag.literals import Literals, find_literals
from rag.metrics import percentile
from rag.parts import open_encoder
from rag.retriever import Retriever
from rag.spelling import respelled

RESULTS = Path(__file__).resolve().parent / "results"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NUM_QUESTIONS = 200
FETCHED = 20  # chunks, of which several may be of one document
_WORD = re.compile(r"[A-Za-z]{5,}")

Question = tuple[str, dict[str, float]]


def main() -> None:
    """Index the collection, ask, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path)
    options = parser.parse_args()
    encoder = open_encoder(load_settings(), print)
    questions = read_questions(options.folder)
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as temporary:
        place = options.index or Path(temporary)
        with Indexes(place / "index", dimension=encoder.dimension, read_only=False) as indexes:
            files = place / "files"
            write_files(options.folder, files)
            sync(indexes, encoder, [files], max_file_bytes=10**8, max_chunk_tokens=256)
            figures = measure(indexes, encoder, questions)
    command = " ".join(["python -m bench.slips", *sys.argv[1:]])
    print(json.dumps(figures, indent=1))
    path = RESULTS / f"slips-{options.folder.name}.json"
    path.write_text(json.dumps({"command": command, **figures}, indent=1) + "\n", "utf-8")


def read_questions(folder: Path) -> list[Question]:
    """(question, grade by document) of those with a judgement."""
    grades: dict[str, dict[str, float]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if float(grade) > 0:
            grades.setdefault(query, {})[document] = float(grade)
    rows = map(json.loads, (folder / "queries.jsonl").read_text("utf-8").splitlines())
    return [(row["text"], grades[row["_id"]]) for row in rows if row["_id"] in grades]


def write_files(folder: Path, target: Path) -> None:
    """Each document of the collection as a file."""
    target.mkdir(exist_ok=True)
    for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        path = target / f"{row['_id']}.txt"
        if not path.exists():
            path.write_text(f"{row.get('title') or ''}\n\n{row['text']}".strip(), "utf-8")


def measure(indexes: Indexes, encoder: Encoder, questions: list[Question]) -> dict[str, Any]:
    """nDCG@10 by words alone and of both sides; what respelling costs."""
    chance = random.Random(7)
    picked = chance.sample(questions, min(NUM_QUESTIONS, len(questions)))
    slipped = [(with_slips(text, chance), grades) for text, grades in picked]
    figures: dict[str, Any] = {"questions": len(picked)}
    for name, used in (("lexical", None), ("hybrid", encoder)):
        retriever = Retriever(indexes, used)
        with without_respelling():
            figures[f"{name}, clean"] = mean_ndcg(retriever, picked)
            figures[f"{name}, slips, before"] = mean_ndcg(retriever, slipped)
        figures[f"{name}, slips, after"] = mean_ndcg(retriever, slipped)
        figures[f"{name}, unchanged"] = unchanged(retriever, indexes, questions)
    times = []
    for text, _ in slipped:
        started = time.perf_counter()
        respelled(text, indexes.lexical)
        times.append((time.perf_counter() - started) * 1000)
    return figures | {
        "respelling_ms": {
            p: round(percentile(times, q), 2) for p, q in (("p50", 0.5), ("p95", 0.95))
        }
    }


def unchanged(retriever: Retriever, indexes: Indexes, questions: list[Question]) -> dict[str, Any]:
    """How many of the real questions are touched, and the change of nDCG@10 over all."""
    found: dict[str, Any] = {}
    spelled = [q for q in questions if respelled(q[0], indexes.lexical)]
    literal = [q for q in questions if has_literals(find_literals(q[0]), indexes)]
    for name, touched in (("respelled", spelled), ("literals", literal)):
        gain = 0.0
        if touched:
            after = mean_ndcg(retriever, touched, with_literals=name == "literals")
            with without_respelling():
                gain = (after - mean_ndcg(retriever, touched)) * len(touched) / len(questions)
        found[name] = {"questions": len(touched), "gain": round(gain, 5)}
    return found


def has_literals(found: Literals, indexes: Indexes) -> bool:
    """Whether a question holds a phrase, an identifier or a rare name."""
    counts = [indexes.lexical.count(name) for name in found.names]
    is_rare = any(1 <= count <= MAX_RARE for count in counts)
    return bool(found.phrases or found.identifiers) or is_rare


def mean_ndcg(
    retriever: Retriever, questions: list[Question], *, with_literals: bool = False
) -> float:
    """Mean nDCG@10 over documents; literals are left out unless asked for."""
    values = []
    for text, grades in questions:
        literals = find_literals(text) if with_literals else Literals()
        hits = retriever.find(text, FETCHED, literals=literals).hits
        ranked = list(dict.fromkeys(Path(hit.chunk.path).stem for hit in hits))[:10]
        gain = sum(grades.get(d, 0.0) / np.log2(n + 2) for n, d in enumerate(ranked))
        best = sorted(grades.values(), reverse=True)[:10]
        values.append(gain / sum(g / np.log2(n + 2) for n, g in enumerate(best)))
    return round(float(np.mean(values)), 4)


def with_slips(text: str, chance: random.Random) -> str:
    """The text with one slip in each of one or two of its longer words."""
    words = list(_WORD.finditer(text))
    chosen = chance.sample(words, min(len(words), chance.choice((1, 2))))
    for found in sorted(chosen, key=lambda word: -word.start()):
        text = text[: found.start()] + _slip(found[0], chance) + text[found.end() :]
    return text


def _slip(word: str, chance: random.Random) -> str:
    place, letter = chance.randrange(len(word)), chance.choice(LETTERS)
    head, tail = word[:place], word[place:]
    return head + chance.choice(
        (tail[1:], letter + tail, letter + tail[1:], tail[1::-1] + tail[2:])
    )


@contextmanager
def without_respelling() -> Iterator[None]:
    """As the search was before it undid slips."""
    kept = retriever_module.with_respellings
    retriever_module.with_respellings = lambda asked, index: (list(asked), [])
    try:
        yield
    finally:
        retriever_module.with_respellings = kept


if __name__ == "__main__":
    main()
