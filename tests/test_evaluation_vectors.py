from __future__ import annotations

from pathlib import Path

import numpy as np
from fakes import WordEncoder

from rag.evaluation.vectors import RememberingEncoder

TEXTS = ["a pump", "a turbine", "a pump", "a boiler"]


def test_nothing_is_encoded_twice(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "vectors.sqlite3"
    inner = WordEncoder()
    remembering = RememberingEncoder(inner, path)
    expected = WordEncoder().encode_documents(TEXTS)
    np.testing.assert_array_equal(remembering.encode_documents(TEXTS), expected)
    assert inner.documents == ["a pump", "a turbine", "a boiler"]
    np.testing.assert_array_equal(remembering.encode_documents(TEXTS[::-1]), expected[::-1])
    remembering.close()
    later = WordEncoder()
    again = RememberingEncoder(later, path)
    np.testing.assert_array_equal(again.encode_documents([*TEXTS, "new"])[:4], expected)
    assert later.documents == ["new"]
    again.close()


def test_questions_documents_and_encoders_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite3"
    one, other, named = WordEncoder(), WordEncoder(name="other"), WordEncoder()
    RememberingEncoder(one, path).encode_documents(["a pump"])
    RememberingEncoder(one, path).encode_queries(["a pump"])
    RememberingEncoder(other, path).encode_queries(["a pump"])
    RememberingEncoder(named, path, "another prompt").encode_queries(["a pump"])
    RememberingEncoder(named, path, "another prompt").encode_documents(["a pump"])
    assert named.documents == []  # which the fingerprint tells
    assert (one.documents, one.queries) == (["a pump"], ["a pump"])
    assert other.queries == named.queries == ["a pump"]


def test_no_text_gives_no_row(tmp_path: Path) -> None:
    remembering = RememberingEncoder(WordEncoder(), tmp_path / "vectors.sqlite3")
    assert remembering.encode_documents([]).shape == (0, 1024)
    assert (remembering.dimension, remembering.max_tokens) == (1024, 500)
    assert remembering.token_starts("a pump").tolist() == [0, 2]
