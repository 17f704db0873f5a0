from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_service import ScriptedService

from rag.errors import SearchError
from rag.library import Asker, Library
from rag.narrowing import WORDS, chips, is_narrowing, narrowing_of
from rag.where import Where


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    service = ScriptedService(tmp_path_factory.mktemp("service"))
    yield service.library
    service.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/only", Where()),
        ("/all", Where()),
        ("/全部", Where()),
        ("/only products/", Where(folders=("products",))),
        ("/only pdf", Where(types=("pdf",))),
        ("/only .md, word", Where(types=(".md", "word"))),
        ("/ONLY products/ pdf", Where(folders=("products",), types=("pdf",))),
        ("/only x200*", Where(globs=("x200*",))),
        ("/only employee-handbook.docx", Where(documents=("employee-handbook.docx",))),
        ("/only handbook", Where(folders=("handbook",))),
        ("/only English", Where(languages=("en",))),
        ('/only "人事/差旅报销制度.md"', Where(documents=("人事/差旅报销制度.md",))),
        ("/只查 人事/，合同/", Where(folders=("人事", "合同"))),
        ("/only it's handbook", None),
    ],
)
def test_commands_narrow(library: Library, text: str, expected: Where | None) -> None:
    assert is_narrowing(text)
    if expected is None:
        with pytest.raises(SearchError, match=r"it's.*/only contracts/"):
            narrowing_of(text, library)
    else:
        assert narrowing_of(text, library) == expected


@pytest.mark.parametrize("text", ["only pdf", "/onlyfans", "What is /only?", "", " ", "/alle"])
def test_questions_are_no_commands(text: str) -> None:
    assert not is_narrowing(text)


def test_a_filter_that_leaves_nothing_is_refused(library: Library) -> None:
    for text in ("/only lemons/", "/only products/ .csv", '/only "unclosed'):
        with pytest.raises(SearchError):
            narrowing_of(text, library)


def test_in_chinese_refusals_are_chinese_and_name_the_word(library: Library) -> None:
    for text, told in (
        ("/只查 不存在", "“不存在”不是这里的文件夹、类型或文档。"),
        ("/只查 柠檬/ pdf", "没有符合的文档：柠檬/、pdf。请放宽，或用 /全部 取消。"),
    ):
        with pytest.raises(SearchError, match=f"^{told}"):
            narrowing_of(text, library, language="zh")
    assert WORDS["en"].keys() == WORDS["zh"].keys()


def test_what_one_may_not_read_is_not_told(library: Library) -> None:
    reader = Asker("reader", Where(folders=("handbook",)))
    with pytest.raises(SearchError, match="neither a folder"):
        narrowing_of("/only x200-user-manual.pdf", library, reader)


def test_chips_are_short() -> None:
    where = Where(folders=("/home/me/contracts",), types=("pdf",), documents=("/a/b.txt", 7))
    assert chips(where) == ["contracts/", "pdf", "b.txt", "7"]


def test_the_sample_has_what_these_tests_name(library: Library) -> None:
    names = {Path(entry.path).name for entry in library.documents().entries}
    assert {"x200-user-manual.pdf", "employee-handbook.docx"} <= names
