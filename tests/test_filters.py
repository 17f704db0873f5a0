from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.catalog import Catalog
from rag.filters import Filters, member_addresses
from rag.id_set import IdSet
from rag.language_groups import LanguageGroups
from rag.types import Chunk
from rag.where import Where
from rag.where_match import Matcher

DAY = datetime(2024, 6, 1, 12).astimezone()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "c.sqlite3") as opened:
        yield opened


def put(catalog: Catalog, path: str, chunks: list[tuple[str, str, str]], day: int = 0) -> None:
    """Chunks are (outermost heading, text, language)."""
    mtime_ns = int((DAY + timedelta(days=day)).timestamp()) * 10**9
    made = [
        Chunk(0, 0, text, "", (heading,) if heading else (), None, language)
        for heading, text, language in chunks
    ]
    keys = [f"{path}{n}" for n in range(len(made))]
    vectors = {key: np.ones(4, dtype=np.float32) for key in keys}
    catalog.put_document(path, path, "h", 1, mtime_ns, "", made, keys, vectors)


def texts(catalog: Catalog, filters: Filters, **criteria: Any) -> list[str]:
    ids = filters.allowed(Where(**criteria)).ids.ids().tolist()
    chunks = catalog.chunks_by_ids(ids)
    assert len(chunks) == len(ids)
    return sorted(chunk.text for chunk in chunks.values())


def make(catalog: Catalog) -> Filters:
    return Filters(catalog, LanguageGroups(catalog))


def test_members_of_archives(catalog: Catalog) -> None:
    small = "a.zip!/x.txt\nfirst\na.zip!/y.csv\nsecond"
    put(catalog, "/d/a.zip", [
        ("a.zip!/long.pdf", "one", "en"), ("a.zip!/long.pdf", "two", "en"), ("", small, "en"),
        ("", "end of y", "en"), ("a.zip!/z.eml!/scan.pdf", "three", "zh"),
    ])  # fmt: skip
    put(catalog, "/d/b.pdf", [("a.zip!/x.txt", "not a member", "en")])
    filters = make(catalog)
    assert texts(catalog, filters, types=["pdf"]) == ["not a member", "one", "three", "two"]
    assert texts(catalog, filters, types=["sheet"]) == [small, "end of y"]
    assert texts(catalog, filters, types=["text"]) == [small]
    assert len(texts(catalog, filters, types=["archive"])) == 5
    assert texts(catalog, filters, documents=["/d/a.zip!/long.pdf"]) == ["one", "two"]
    assert texts(catalog, filters, folders=["/d/a.zip!/z.eml"]) == ["three"]
    assert texts(catalog, filters, types=["pdf"], languages=["zh"]) == ["three"]


def test_the_members_of_a_chunk() -> None:
    assert member_addresses("/d/a.zip", "a.zip!/b", "text", ["a.zip!/a"]) == ["a.zip!/b"]
    assert member_addresses("/d/a.zip", "", "a.zip!/b\nt", ["a.zip!/a"]) == ["a.zip!/b"]
    assert member_addresses("/d/a.zip", "", "t\na.zip!/b", ["a.zip!/a"]) == ["a.zip!/a", "a.zip!/b"]
    assert member_addresses("/d/a.eml", "Subject", "body", []) == []


def test_dates_are_days_and_a_file_too_fresh_counts_from_its_indexing(catalog: Catalog) -> None:
    put(catalog, "/old", [("", "old", "en")], day=-1)
    put(catalog, "/new", [("", "new", "en")])
    put(catalog, "/fresh", [("", "fresh", "en")])
    catalog.touch_document("/fresh", 1, -1)
    filters = make(catalog)
    assert texts(catalog, filters, after="2024-06-01") == ["fresh", "new"]
    assert texts(catalog, filters, before="2024-06-01") == ["old"]
    assert texts(catalog, filters, after="2024-06-01", before="2024-06-02") == ["new"]
    assert texts(catalog, filters, before="1960") == []


def test_moves_and_new_times_are_followed_though_the_log_is_silent(catalog: Catalog) -> None:
    put(catalog, "/a/x.txt", [("", "x", "en")])
    filters = make(catalog)
    assert texts(catalog, filters, folders=["/b"]) == []
    sequence = catalog.sequence()
    catalog.move_document("/a/x.txt", "/b/x.txt", int(DAY.timestamp()) * 10**9)
    assert texts(catalog, filters, folders=["/b"]) == ["x"]
    assert texts(catalog, filters, after="2024-06-03") == []
    catalog.touch_document("/b/x.txt", 1, int((DAY + timedelta(days=4)).timestamp()) * 10**9)
    assert texts(catalog, filters, after="2024-06-03") == ["x"]
    assert catalog.sequence() == sequence


def test_one_set_stays_while_nothing_changes_and_any_of_joins(catalog: Catalog) -> None:
    for name in ("/a/1.txt", "/b/2.txt", "/b/3.pdf", "/c/4.txt"):
        put(catalog, name, [("", name, "en")])
    filters = make(catalog)
    either = {"any_of": (Where(folders=["/a"]), Where(folders=["/b"]))}
    assert texts(catalog, filters, **either) == ["/a/1.txt", "/b/2.txt", "/b/3.pdf"]
    assert texts(catalog, filters, **either, types=["pdf"]) == ["/b/3.pdf"]
    where, group = Where(folders=["/b"]), IdSet([1, 2])
    allowed = filters.allowed(where)
    assert filters.allowed(Where(folders=["/b/"])) is allowed
    assert allowed.within(group) is allowed.within(group)
    put(catalog, "/b/5.txt", [("", "5", "en")])
    assert filters.allowed(where) is not allowed and len(filters.allowed(where).ids) == 3


WHERES = [
    Where(folders=["/a"]), Where(folders=["b"]), Where(types=["pdf"]), Where(globs=["x*"]),
    Where(languages=["zh"]), Where(languages=["en"], folders=["/a", "/a/b"]), Where(documents=[3]),
    Where(after="2024-06-02"), Where(before="2024-06-02", types=["text"]),
    Where(any_of=(Where(types=["pdf"]), Where(folders=["/b"])), languages=["zh"]),
]  # fmt: skip
names = st.sampled_from(["/a/x.txt", "/a/y.pdf", "/a/b/x.pdf", "/b/z.txt", "/c.pdf"])
steps = st.tuples(
    names, st.sampled_from(["put", "move", "delete"]), names, st.integers(0, 3),
    st.lists(st.sampled_from(["en", "zh"]), min_size=1, max_size=4),
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.lists(steps, min_size=1, max_size=6))
def test_following_equals_looking_at_every_chunk(plan: list[Any]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalog(Path(folder) / "c.sqlite3") as catalog,
    ):
        followed = make(catalog)
        for path, action, other, day, languages in plan:
            if action == "put":
                put(catalog, path, [("", "t", language) for language in languages], day)
            elif action == "move":
                mtime_ns = int((DAY + timedelta(days=day)).timestamp()) * 10**9
                catalog.move_document(path, other, mtime_ns)
            else:
                catalog.delete_document(path)
            for where in WHERES:
                assert followed.allowed(where).ids.ids().tolist() == expected(catalog, where)


def expected(catalog: Catalog, where: Where) -> list[int]:
    matcher, found = Matcher(where), []
    for document in catalog.documents():
        day = datetime.fromtimestamp(document.mtime_ns / 1e9).date()
        is_in_time = (not where.after or day >= where.after) and (
            not where.before or day < where.before
        )
        if is_in_time and matcher.accepts(document.document_id, document.path):
            found += [
                chunk.chunk_id
                for chunk in catalog.chunks_of(document.document_id)
                if not where.languages or chunk.language in where.languages
            ]
    if where.any_of:
        found = [i for i in found if any(i in expected(catalog, one) for one in where.any_of)]
    return sorted(found)
