from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.catalog import Catalog
from rag.errors import SearchError
from rag.scopes import SCOPES, WIDER, check_scope, within
from rag.shelf import Shelf
from rag.types import StoredChunk


def chunk(ordinal: int, headings: tuple[str, ...] = (), page: int | None = None) -> StoredChunk:
    start = ordinal * 10
    fields = (ordinal, 1, "/docs/a.md", "A", ordinal, start, start + 8, "words...", headings, page)
    return StoredChunk(*fields, "en")


class OneDocument:
    def __init__(self, chunks: list[StoredChunk]) -> None:
        self.chunks = chunks

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        return self.chunks


def ordinals(scope: Any, at: int, chunks: list[StoredChunk]) -> list[int]:
    shelf = Shelf(cast(Catalog, OneDocument(chunks)))
    return [one.ordinal for one in within(scope, chunks[at], shelf)]


HEADINGS = [("A",), ("A", "a"), ("A", "a"), ("A", "b"), ("B",), ("A", "a")]
HEADED = [chunk(n, headings) for n, headings in enumerate(HEADINGS)]


def test_each_scope_brings_its_part_of_the_document() -> None:
    assert ordinals("passage", 2, HEADED) == [2]
    assert ordinals("neighbours", 2, HEADED) == [1, 2, 3]
    assert ordinals("section", 2, HEADED) == [1, 2]
    assert ordinals("section", 0, HEADED) == [0, 1, 2, 3]  # with the sections within it
    assert ordinals("section", 5, HEADED) == [5]  # another of the same name
    assert ordinals("document", 2, HEADED) == [0, 1, 2, 3, 4, 5]


def test_a_section_without_headings_is_a_page() -> None:
    pages = [chunk(n, page=page) for n, page in enumerate([1, 1, 2, 2, 3])]
    assert ordinals("section", 2, pages) == [2, 3]
    assert ordinals("section", 1, [chunk(n) for n in range(3)]) == [1]


paths = st.lists(st.sampled_from(["A", "B"]), max_size=2).map(tuple)


@given(shapes=st.lists(st.tuples(paths, st.none() | st.just(1)), min_size=1), data=st.data())
def test_what_a_hit_brings_is_a_run_with_the_hit_in_it(shapes: list[Any], data: Any) -> None:
    chunks = [chunk(n, headings, page) for n, (headings, page) in enumerate(shapes)]
    at = data.draw(st.integers(0, len(chunks) - 1))
    found = [ordinals(scope, at, chunks) for scope in SCOPES]
    for run in found:
        assert at in run and run == list(range(run[0], run[-1] + 1))
    assert set(found[SCOPES.index("document")]) == set(range(len(chunks)))


def test_of_a_changed_document_a_hit_brings_itself() -> None:
    gone = chunk(99)
    shelf = Shelf(cast(Catalog, OneDocument([chunk(0)])))
    assert all(within(scope, gone, shelf) == [gone] for scope in WIDER)


def test_an_unknown_scope_is_named() -> None:
    assert [check_scope(scope) for scope in SCOPES] == list(SCOPES)
    with pytest.raises(SearchError, match="neighbours"):
        check_scope("chapter")
