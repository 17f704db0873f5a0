from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import passage

from rag.dates import date_of


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        ("Leave.", {"path": "/d/policy-2024-06-30.md"}, "2024-06-30"),
        ("Leave.", {"title": "Rules of 3 May 2021"}, "2021-05-03"),
        ("Leave.", {"headings": ("Edition June 5th, 2020",)}, "2020-06-05"),
        ("本制度自2025年9月1日起执行。", {}, "2025-09-01"),
        ("版本：2023.04", {}, "2023-04"),
        ("Effective 1 January 2022.", {}, "2022-01-01"),
        ("Leave.", {"path": "/d/policy-2019.md"}, "2019"),
        ("Version of 2023-13-45.", {"path": "/d/x 2018.md"}, "2018"),
    ],
)
def test_a_document_says_its_date(text: str, others: dict[str, object], expected: str) -> None:
    assert date_of(passage(text, **others)) == (expected, True)


def test_a_date_that_is_not_the_documents_is_left_alone() -> None:
    assert date_of(passage("The lamp broke on 3 May 2021.", path="/none")) == ("", False)


def test_else_the_files_date_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text("x")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert date_of(passage("x", path=str(path))) == ("2023-11-14", False)
