from __future__ import annotations

import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers.formats import CONTAINERS, FORMATS
from rag.errors import SearchError
from rag.file_kinds import CONTAINER_SUFFIXES, KINDS, KNOWN_SUFFIXES, suffixes_of
from rag.globs import glob_pattern, plain
from rag.where import Where, check_mode
from rag.where_match import Matcher, address_parts


def accepts(path: str, member: str = "", document_id: int = 1, **criteria: Any) -> bool:
    return Matcher(Where(**criteria)).accepts(document_id, path, member)


def test_every_file_that_is_read_is_of_a_kind() -> None:
    assert frozenset(FORMATS) == KNOWN_SUFFIXES
    held = {suffix for suffix, name in FORMATS.items() if name in CONTAINERS}
    assert held <= CONTAINER_SUFFIXES
    assert suffixes_of("Spreadsheets") == KINDS["sheet"] == suffixes_of("excel")
    assert suffixes_of(".text") == {".text"} and suffixes_of("tar.gz") == {".tar.gz"}


@pytest.mark.parametrize(
    ("criteria", "word"),
    [
        ({"folders": "docs"}, "Give a list"),
        ({"folders": [" "]}, "folder"),
        ({"types": ["exe"]}, "'exe'"),
        ({"languages": ["klingon"]}, "klingon"),
        ({"documents": [0]}, "neither"),
        ({"documents": [True]}, "neither"),
        ({"after": "2024-13-01"}, "2024-13-01"),
        ({"after": "2024-01-02", "before": "2024-01-02"}, "before"),
        ({"globs": ["[z-a]"]}, "backwards"),
    ],
)
def test_what_cannot_be_is_named(criteria: dict[str, Any], word: str) -> None:
    with pytest.raises(SearchError, match=re.escape(word)):
        Where(**criteria)


def test_unknown_criteria_and_modes_are_named_with_those_there_are() -> None:
    with pytest.raises(SearchError, match=r"'size'.*folders, globs, types"):
        Where.from_json({"size": 3})
    with pytest.raises(SearchError, match="hybrid, dense, lexical"):
        check_mode("semantic")


def test_it_is_cleaned_compared_and_told() -> None:
    where = Where(
        folders=["~/docs/", "contracts/"], types=["PDF", "pdf"], languages=["Chinese", "zh-CN"],
        after="2024-05", before=datetime(2025, 1, 2, 13), documents=[7],
    )  # fmt: skip
    home = os.path.expanduser("~")
    assert where.folders == (f"{home}/docs", "contracts")
    assert where.types == ("pdf",) and where.languages == ("zh",)
    assert (where.after, where.before) == (date(2024, 5, 1), date(2025, 1, 2))
    assert where and not Where() and hash(where) == hash(Where.from_json(where.as_json()))
    either = Where(any_of=(where, Where(types=["mail"])))
    assert Where.from_json(either.as_json()) == either
    assert str(Where(types=["pdf"], after="2024")) == "type pdf; changed from 2024-01-01 on"
    assert Where(folders=["."]).folders == (str(Path.cwd()),)


def test_folders() -> None:
    assert accepts("/d/a/x.txt", folders=["/d/a"]) and accepts("/d/a/b/x.txt", folders=["/d/a/"])
    assert not accepts("/d/ab/x.txt", folders=["/d/a"])
    assert accepts("/x/Contracts/2024/a.txt", folders=["contracts"])
    assert accepts("/x/contracts/2024/a.txt", folders=["contracts/2024"])
    assert not accepts("/x/old-contracts/a.txt", folders=["contracts"])
    assert accepts("/anything", folders=["/"])


def test_globs() -> None:
    assert accepts("/d/REPORT.PDF", globs=["*.pdf"]) and not accepts(
        "/d/a.pdf.txt", globs=["*.pdf"]
    )
    assert accepts("/d/offers/x/y.txt", globs=["offers/**/*.txt"])
    assert accepts("/d/offers/y.txt", globs=["offers/**/*.txt"])
    assert not accepts("/d/offers/x/y.txt", globs=["offers/*.txt"])
    assert accepts("/d/offers/x/y.txt", globs=["offers/"])
    assert accepts("/d/a1.txt", globs=["a[0-9].txt"]) and not accepts(
        "/d/a1.txt", globs=["a[!0-9].*"]
    )
    assert not accepts("/e/d/a.txt", globs=["/d/*.txt"]) and accepts("/d/a.txt", globs=["/d/*.txt"])
    assert accepts("/d/cafe\u0301.txt", globs=["caf\u00e9.*"])


def test_members_count_as_themselves_and_as_what_stands_around_them() -> None:
    zipped = ("/d/a.zip", "a.zip!/b/mail.eml!/c.pdf")
    assert address_parts(*zipped) == [
        "/d/a.zip",
        "/d/a.zip/b/mail.eml",
        "/d/a.zip/b/mail.eml/c.pdf",
    ]
    for types in ("archive", "mail", "pdf"):
        assert accepts(*zipped, types=[types])
    assert not accepts(*zipped, types=["sheet"]) and not accepts("/d/a.zip", types=["pdf"])
    assert accepts(*zipped, folders=["/d/a.zip"]) and accepts(*zipped, folders=["/d/a.zip!/b"])
    assert accepts(*zipped, globs=["a.zip!/b/*.eml"]) and accepts(*zipped, globs=["c.pdf"])
    assert accepts(*zipped, documents=["/d/a.zip!/b/mail.eml"])
    assert accepts(*zipped, documents=["c.pdf"]) and not accepts(*zipped, documents=["/d/c.pdf"])
    assert accepts("/d/wow!/x.txt", folders=["/d/wow!"]) and accepts(
        "/d/wow!/x.txt", globs=["wow!/*"]
    )


def test_documents_and_several_criteria() -> None:
    assert not accepts("/d/7", documents=[7])  # an id is no name
    assert accepts("/d/a.txt", documents=[1]) and not accepts("/d/a.txt", documents=[2])
    assert accepts("/d/a.txt", documents=[2, "a.txt"]) and not accepts(
        "/d/ba.txt", documents=["a.txt"]
    )
    assert not accepts("/d/a.txt", types=["text"], folders=["/e"])
    assert accepts("/d/a.txt", types=["pdf", "text"], folders=["/e", "/d"], globs=["a*"])


paths = st.text("ab/.*?[]!-&~|^\\", max_size=12)


@settings(deadline=None, max_examples=200)
@given(paths, paths)
def test_any_glob_is_a_pattern_and_a_path_without_signs_matches_itself(
    glob: str, path: str
) -> None:
    try:
        pattern = re.compile(glob_pattern(glob))
    except ValueError as error:
        assert "backwards" in str(error)
        return
    pattern.fullmatch(path)
    if path and not set(path) & set("*?[]") and not path.endswith("/"):
        assert re.fullmatch(glob_pattern(path), plain(f"/x/{path.lstrip('/')}")) or path[0] == "/"
        assert re.fullmatch(glob_pattern(path), plain(path))


def test_what_meets_two_filters_at_once() -> None:
    pdf, mail, folder = Where(types=["pdf"]), Where(types=["mail"]), Where(folders=["/d"])
    assert Where().also(pdf) == pdf == pdf.also(Where())
    assert pdf.also(folder) == Where(types=["pdf"], folders=["/d"])
    assert pdf.also(mail) == Where(types=["pdf"], any_of=(mail,))
    either = Where(any_of=(pdf, mail))
    assert either.also(folder) == Where(folders=["/d"], any_of=(pdf, mail))
    both = either.also(Where(any_of=(folder,)))
    assert both.any_of == (pdf.also(Where(any_of=(folder,))), mail.also(Where(any_of=(folder,))))
