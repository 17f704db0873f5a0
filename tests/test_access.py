from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_filters import put

from rag.access import ANONYMOUS, LOCAL, Access, Caller, ReadableCatalog, Rule
from rag.catalog import Catalog
from rag.errors import SettingError
from rag.filters import Filters
from rag.language_groups import LanguageGroups
from rag.shelf import Shelf
from rag.viewer_span import open_span
from rag.where import Where

HR = Rule(Where(folders=("/d/hr",)), frozenset({"hr"}))
LEGAL = Rule(Where(globs=("*.contract",)), frozenset({"legal"}))
ANNA, BO = Caller("anna", frozenset({"hr"})), Caller("bo", frozenset({"legal", "hr"}))
PATHS = ("/d/a.txt", "/d/hr/b.txt", "/d/hr/c.contract", "/d/hr/deep/e.txt", "/d/x.contract")
FOLDERS, GROUPS = ("/d", "/d/hr", "/d/hr/deep", "hr", "/e"), ("hr", "legal", "all", "user:anna")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "c.sqlite3") as opened:
        fill(opened)
        yield opened


def fill(catalog: Catalog) -> None:
    for path in PATHS:
        put(catalog, path, [("", f"text of {path}", "en"), ("", "more", "zh")])
    put(catalog, "/d/z.zip", [("z.zip!/hr/pay.txt", "pay", "en"), ("z.zip!/a.txt", "free", "en")])


def found(catalog: Catalog, access: Access, caller: Caller | None, asked: Where = Where()) -> set:  # noqa: B008
    """The paths that a search of theirs may find."""
    filters = Filters(catalog, LanguageGroups(catalog))
    ids = filters.allowed(asked.also(access.where(caller))).ids.ids().tolist()
    return {chunk.path for chunk in catalog.chunks_by_ids(ids).values()}


def opened(catalog: Catalog, access: Access, caller: Caller | None) -> set[str]:
    """The paths that they may open by number."""
    seen = ReadableCatalog(catalog, access, lambda: caller)
    paths = set()
    for document in catalog.documents():
        try:
            paths.add(open_span(seen, document.document_id, 0, 5).document.path)
        except KeyError:
            assert seen.document_by_path(document.path) is None
    assert paths == {document.path for document in seen.documents()}
    return paths


def test_every_rule_that_covers_a_file_must_let_in(catalog: Catalog) -> None:
    access = Access([HR, LEGAL])
    everything = {*PATHS, "/d/z.zip"}
    expected = {
        ANONYMOUS: {"/d/a.txt", "/d/z.zip"},
        ANNA: everything - {"/d/hr/c.contract", "/d/x.contract"},
        BO: everything,
        LOCAL: everything,
        None: {"/d/a.txt", "/d/z.zip"},
    }
    for caller, paths in expected.items():
        assert found(catalog, access, caller) == opened(catalog, access, caller) == paths
    assert found(catalog, Access(), None) == everything


def test_one_person_can_be_named(catalog: Catalog) -> None:
    access = Access([Rule(HR.where, frozenset({"user:anna"}))])
    assert "/d/hr/b.txt" in found(catalog, access, ANNA)
    assert "/d/hr/b.txt" not in found(catalog, access, BO)


def test_an_archive_with_a_closed_member_is_closed(catalog: Catalog) -> None:
    access = Access([Rule(Where(folders=("hr",)), frozenset({"hr"}))])
    assert "/d/z.zip" not in found(catalog, access, ANONYMOUS)
    assert "/d/z.zip" not in opened(catalog, access, ANONYMOUS)
    assert "/d/z.zip" in opened(catalog, access, ANNA)


def test_a_filter_narrows_further_and_never_widens(catalog: Catalog) -> None:
    access = Access([HR])
    for asked in (
        Where(documents=("/d/hr/b.txt",)),
        Where(any_of=(Where(folders=("/d/hr",)), Where(folders=("/d",)))),
        Where(none_of=(Where(globs=("a.txt",)),)),
    ):
        assert not any("/hr/" in path for path in found(catalog, access, ANONYMOUS, asked))
    assert found(catalog, access, ANNA, Where(folders=("/d/hr/deep",))) == {"/d/hr/deep/e.txt"}


def test_access_is_not_told() -> None:
    where = Access([HR]).where(ANONYMOUS)
    assert where and str(where) == "" and where.as_json() == {}


def test_other_documents_of_a_folder_stay_closed(catalog: Catalog) -> None:
    where = Access([HR]).where(ANONYMOUS)
    paths = {document.document_id: document.path for document in catalog.documents()}
    beside = Shelf(catalog).documents_beside("/d/a.txt", where, 100)
    assert {paths[number] for number in beside} == {"/d/a.txt", "/d/x.contract"}


def test_a_document_moved_into_a_closed_folder_is_closed_at_once(catalog: Catalog) -> None:
    access = Access([HR])
    assert "/d/a.txt" in found(catalog, access, ANONYMOUS)
    catalog.move_document("/d/a.txt", "/d/hr/a.txt", 5)
    assert found(catalog, access, ANONYMOUS) == opened(catalog, access, ANONYMOUS)
    assert "/d/hr/a.txt" not in found(catalog, access, ANONYMOUS)


@pytest.mark.parametrize("where", [Where(), Where(languages=("en",)), Where(after="2024-01-01")])
def test_a_rule_is_about_whole_files(where: Where) -> None:
    with pytest.raises(SettingError, match="folders"):
        Rule(where, frozenset())


def test_only_what_is_checked_can_be_asked(catalog: Catalog) -> None:
    seen = ReadableCatalog(catalog, Access([HR]), lambda: ANONYMOUS)
    with pytest.raises(AttributeError):
        seen.chunks_by_ids([1])
    with pytest.raises(KeyError):
        seen.document_text(999)


groups = st.frozensets(st.sampled_from(GROUPS), max_size=2)
rules = st.builds(
    Rule,
    st.one_of(
        st.builds(lambda f: Where(folders=(f,)), st.sampled_from(FOLDERS)),
        st.builds(lambda g: Where(globs=(g,)), st.sampled_from(["*.contract", "hr/**", "b*"])),
        st.just(Where(folders=("/d",), types=(".txt",))),
    ),
    groups,
)
callers = st.builds(Caller, st.sampled_from(["anna", "bo"]), groups)


@settings(max_examples=60, deadline=None)
@given(st.lists(rules, max_size=4), callers, st.sampled_from([Where(), Where(folders=("/d/hr",))]))
def test_nothing_unreadable_comes_out(some: list[Rule], caller: Caller, asked: Where) -> None:
    def is_closed(path: str) -> bool:  # said anew, without filters: no member counts here
        for rule in some:
            names = rule.where.folders or rule.where.globs
            is_covered = {
                "/d": path.startswith("/d/"),
                "/d/hr": path.startswith("/d/hr/"),
                "/d/hr/deep": path.startswith("/d/hr/deep/"),
                "hr": "/hr/" in path,
                "/e": False,
                "*.contract": path.endswith(".contract"),
                "hr/**": "/hr/" in path,
                "b*": path.rpartition("/")[2].startswith("b"),
            }[names[0]] and (not rule.where.types or path.endswith(".txt"))
            if is_covered and not rule.groups & {*caller.groups, f"user:{caller.name}"}:
                return True
        return False

    with tempfile.TemporaryDirectory() as folder, Catalog(Path(folder) / "c") as catalog:
        fill(catalog)
        access = Access(some)
        readable = {path for path in PATHS if not is_closed(path)}
        assert opened(catalog, access, caller) - {"/d/z.zip"} == readable
        asked_for = {path for path in PATHS if not asked or "/hr/" in path}
        assert found(catalog, access, caller, asked) - {"/d/z.zip"} == readable & asked_for
