from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bench import index_stages
from bench.index_data import Sample, TextSource, VectorSource
from bench.index_plot import write_plot

WORDS = ("pump", "cat", "rain", "dog", "bridge", "bread", "train", "copper", "harbour", "violin")
TEXTS = [f"The {word} is number {n}. It was sold in {1900 + n}." for n, word in enumerate(WORDS)]


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32) + 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def sample(language: str, seed: int) -> Sample:
    questions = [f"{language}: what is the {word}?" for word in ("pump", "cat", "rain")]
    return Sample(language, TEXTS, questions, unit_rows(40, seed), unit_rows(3, seed + 1))


def test_drawn_vectors_lie_about_the_real_ones() -> None:
    real = unit_rows(200, 1)
    drawn = VectorSource(real).draw(5000, np.random.default_rng(2))
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(1, abs=1e-5)
    assert drawn.mean(axis=0) == pytest.approx(real.mean(axis=0), abs=0.1)
    assert (drawn @ real.T).max(axis=1).mean() > 0.8
    assert len(np.unique(drawn, axis=0)) == 5000


def test_drawn_texts_hold_words_of_real_ones() -> None:
    source = TextSource(TEXTS, 1)
    drawn = {source.draw() for _ in range(100)}
    assert len(drawn) > 50
    known = set(" ".join(TEXTS).replace(".", "").split())
    assert set(" ".join(drawn).replace(".", " ").split()) <= known


def test_the_stages_measure_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_stages, "TIMED_QUERIES", 2)
    samples = [sample("en", 1), sample("zh", 5)]
    (tmp_path / "200").mkdir()
    built = index_stages.build(tmp_path, samples, 200)
    asked = index_stages.query(tmp_path, samples, 200)
    changed = index_stages.change(tmp_path, samples, 200)
    assert built["vector_bytes"] == 200 * 8 * 4
    assert (asked["recall_at_10"], asked["dense_is_exact"]) == (1.0, True)
    assert changed["add_50_chunks_ms"] > 0


def test_the_plot_has_a_point_for_every_figure(tmp_path: Path) -> None:
    names = ("dense_p95_ms", "lexical_p95_ms", "hybrid_p95_ms", "memory_mb", "vectors_mb")
    rows = [{"chunks": n, **dict.fromkeys(names, n / 1000)} for n in (10_000, 100_000, 1_000_000)]
    write_plot(rows, tmp_path / "plot.svg")
    tags = [node.tag.rsplit("}")[-1] for node in ElementTree.parse(tmp_path / "plot.svg").iter()]
    assert tags.count("circle") == len(names) * len(rows)
