from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import language_groups
from rag.catalog import Catalog
from rag.language_groups import LanguageGroups
from rag.types import Chunk


def put(catalog: Catalog, path: str, languages: list[str]) -> None:
    chunks = [Chunk(i, i + 1, "x", "", (), None, name) for i, name in enumerate(languages)]
    keys = [f"{path}{i}{name}" for i, name in enumerate(languages)]
    vectors = {
        key: np.array([len(name), i, 1], dtype=np.float32)
        for i, (key, name) in enumerate(zip(keys, languages, strict=True))
    }
    catalog.put_document(path, path, "h", 1, 1, "x" * len(keys), chunks, keys, vectors)


def state(groups: LanguageGroups) -> list[tuple[list[int], list[float], list[list[float]]]]:
    return [
        (group.ids.ids().tolist(), group.scale.mean.tolist(), group.scale.covariance.tolist())
        for group in groups.current()
    ]


changes = st.tuples(
    st.sampled_from("abc"), st.lists(st.sampled_from(["en", "zh", "french"]), max_size=20)
)


@settings(deadline=None, max_examples=20)
@given(st.lists(changes, max_size=6), st.integers(0, 3))
def test_following_the_log_equals_reading_everything(
    plan: list[tuple[str, list[str]]], kept: int
) -> None:
    """Also where the log was shortened meanwhile, so that it may begin after the last look."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalog(Path(folder) / "c.sqlite3") as catalog,
    ):
        followed = LanguageGroups(catalog)
        for path, languages in plan:
            if languages:
                put(catalog, path, languages)
            else:
                catalog.delete_document(path)
            catalog.shorten_log(catalog.sequence() - kept)
            assert state(followed) == state(LanguageGroups(catalog))


def test_small_groups_share_one(tmp_path: Path) -> None:
    with Catalog(tmp_path / "c.sqlite3") as catalog:
        put(catalog, "/a", ["en"] * 8 + ["zh"] * 3 + ["fr"] * 7)
        assert [len(group.ids) for group in LanguageGroups(catalog).current()] == [8, 10]
        assert LanguageGroups(catalog).current()[1].language == ""


def test_the_mean_of_a_large_group_is_taken_again_after_enough_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_groups, "SAMPLED_CHUNKS", 10)
    monkeypatch.setattr(language_groups, "MAX_DRIFT", 0.5)
    with Catalog(tmp_path / "c.sqlite3") as catalog:
        put(catalog, "/a", ["en"] * 20)
        groups = LanguageGroups(catalog)
        before = groups.current()[0].scale.mean
        put(catalog, "/b", ["en"])
        assert len(groups.current()[0].ids) == 21
        assert groups.current()[0].scale.mean is before
        put(catalog, "/c", ["en"] * 60)
        assert groups.current()[0].scale.mean is not before
