"""Lists are filtered as searches are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from rag.catalog import Catalog
from rag.filters import Filters
from rag.language_groups import LanguageGroups
from rag.types import Chunk
from rag.where import Where
from rag.where_documents import DocumentFilter

MIXED = "/e/mixed.md"  # its passages are in both languages
PATHS = {"/d/a.pdf": "en", "/d/x/b.pdf": "zh", "/d/x/c.md": "en", "/e/c.md": "zh"}
SINGLE = (
    Where(),
    Where(folders=("/d",)),
    Where(folders=("x",)),
    Where(types=("pdf",)),
    Where(languages=("zh",)),
    Where(globs=("c.*",)),
    Where(documents=("/e/c.md", 1)),
    Where(after=date(2024, 1, 3)),
    Where(before=date(2024, 1, 4)),
    Where(outside=("/d/x",)),
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog(tmp_path_factory.mktemp("index") / "catalog.sqlite3") as catalog:
        for number, (path, language) in enumerate(PATHS.items(), start=1):
            changed = datetime(2024, 1, number, 12).astimezone(UTC)
            mtime_ns = -1 if path == "/e/c.md" else int(changed.timestamp() * 10**9)
            chunk = Chunk(0, 4, "text", "", (), None, language)
            vectors = {path: np.ones(2, np.float32)}
            catalog.put_document(path, path, path, 4, mtime_ns, "text", [chunk], [path], vectors)
        yield catalog


@pytest.fixture
def with_mixed(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:
        for path, languages in {MIXED: "en zh", **PATHS, "/d/bundle.zip": "en"}.items():
            chunks = [
                Chunk(n, n + 1, "text", "", (), None, language)
                for n, language in enumerate(languages.split())
            ]
            keys = [f"{path}{n}" for n in range(len(chunks))]
            vectors = {key: np.ones(2, np.float32) for key in keys}
            changed = int(datetime(2024, 1, 3, 12).timestamp() * 10**9)
            catalog.put_document(path, path, path, 4, changed, "text", chunks, keys, vectors)
        yield catalog


def test_a_document_may_be_read_if_all_its_passages_may_be_found(with_mixed: Catalog) -> None:
    filters = Filters(with_mixed, LanguageGroups(with_mixed))
    chunks = with_mixed.chunks_by_ids(with_mixed.live_chunk_ids()).values()
    for first, second in product(SINGLE, SINGLE):
        either = Where(any_of=(first, second)) if first and second else first
        for where in (first.also(second), either, first.also(Where(none_of=(second,)))):
            found = set(filters.allowed(where).ids.ids().tolist()) if where else None
            closed = {c.path for c in chunks if found is not None and c.chunk_id not in found}
            wanted = DocumentFilter(where, with_mixed)
            for one in with_mixed.listing():
                if wanted.accepts_whole(one):
                    assert one.path not in closed
                elif not (where.none_of or where.any_of):
                    assert one.path in closed


def test_an_archive_is_not_read_whole_where_something_is_closed(with_mixed: Catalog) -> None:
    bundle = next(one for one in with_mixed.listing() if one.path.endswith(".zip"))
    closed = Where(none_of=(Where(folders=("/d/bundle.zip/private",)),))
    assert not DocumentFilter(closed, with_mixed).accepts_whole(bundle)
    assert not DocumentFilter(Where(folders=("/d/bundle.zip/a",)), with_mixed).accepts_whole(bundle)
    assert DocumentFilter(Where(folders=("/d",)), with_mixed).accepts_whole(bundle)


@pytest.mark.parametrize(("first", "second"), list(product(SINGLE, SINGLE)))
def test_a_document_is_listed_if_its_passages_are_found(
    catalog: Catalog, first: Where, second: Where
) -> None:
    filters = Filters(catalog, LanguageGroups(catalog))
    for where in (
        first.also(second),
        Where(any_of=(first, second)) if first and second else first,
        first.also(Where(none_of=(second,))),
    ):
        ids = filters.allowed(where).ids.ids().tolist() if where else catalog.live_chunk_ids()
        found = {chunk.path for chunk in catalog.chunks_by_ids(ids).values()}
        wanted = DocumentFilter(where, catalog)
        assert {one.path for one in catalog.listing() if wanted.accepts(one)} == found


def test_a_path_is_judged_by_itself(catalog: Catalog) -> None:
    closed = DocumentFilter(Where(none_of=(Where(folders=("/d/x",)),)), catalog)
    assert closed.accepts_path("/d/a.pdf") and not closed.accepts_path("/d/x/broken.pdf")
    assert DocumentFilter(Where(folders=("/d",)), catalog).accepts_path("/d/broken.pdf")
    assert not DocumentFilter(Where(folders=("/d",)), catalog).accepts_path("/e/broken.pdf")
    either = Where(any_of=(Where(folders=("/e",)), Where(outside=("/d",))))
    assert DocumentFilter(either, catalog).accepts_path("/e/x.pdf")
    assert not DocumentFilter(either, catalog).accepts_path("/d/x.pdf")
    assert not DocumentFilter(Where(documents=(1,)), catalog).accepts_path("/d/a.pdf")


def test_what_is_outside_a_folder_is_told(catalog: Catalog, tmp_path: Path) -> None:
    where = Where(outside=("/d/x/", "/d/x"))
    assert str(where) == "not in /d/x" and Where.from_json(where.as_json()) == where
    assert where.also(Where(outside=("/e",))).any_of
