from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.catalog import Catalog
from rag.library_news import News, difference

PATHS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:
        put(catalog, "/a", "1")
        yield catalog


def put(catalog: Catalog, path: str, digest: str) -> None:
    catalog.put_document(path, path, digest, 1, 1, "x", [], [], {})
    catalog.move_document(path, path, 2)  # places tell of it, since it has no chunks


@given(PATHS, PATHS)
def test_a_difference_leads_from_one_state_to_the_other(
    before: dict[str, str], now: dict[str, str]
) -> None:
    change = difference(before, now)
    assert set(change.new) | set(change.moved) == now.keys() - before.keys()
    assert len(change.removed) + len(change.moved) == len(before.keys() - now.keys())
    assert set(change.removed) <= before.keys() - now.keys()
    assert set(change.changed) == {p for p in before if p in now and before[p] != now[p]}
    for path in change.moved:
        assert now[path] in {before[gone] for gone in before.keys() - now.keys()}
    assert bool(change) is (before != now)


def test_what_was_there_before_is_no_news(catalog: Catalog) -> None:
    news = News(catalog, lambda: False)
    assert news.since(None) == (0, []) and news.since(0) == (0, [])
    put(catalog, "/b", "2")
    put(catalog, "/a", "3")
    number, (change,) = news.since(0)
    assert (number, change.new, change.changed, change.removed) == (1, ("/b",), ("/a",), ())
    assert news.since(1) == (1, []) and news.since(None) == (1, [])
    catalog.move_document("/b", "/c", 3)
    assert news.since(1)[1][0].moved == ("/c",)
    catalog.delete_document("/a")
    put(catalog, "/c", "2")
    assert [one.number for one in news.since(0)[1]] == [1, 2, 3]


def test_a_sync_is_told_of_when_it_is_over(catalog: Catalog) -> None:
    busy = True
    news = News(catalog, lambda: busy)
    busy = False
    news.since(None)
    busy = True
    put(catalog, "/b", "2")
    assert news.since(0) == (0, [])
    put(catalog, "/c", "4")
    busy = False
    assert news.since(0)[1][0].new == ("/b", "/c")


def test_too_many_documents_are_not_compared(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.library_news.MAX_DOCUMENTS", 1)
    news = News(catalog, lambda: False)
    news.since(None)
    put(catalog, "/b", "2")
    assert news.since(0) == (0, [])
