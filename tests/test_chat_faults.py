"""Errors, said with what to do."""

from __future__ import annotations

import pytest

from rag.chat.faults import empty_text, error_text, word
from rag.errors import FootnoteError, GenerationError, IndexStateError, ModelError, SearchError

TOO_LONG = "The question takes 9000 tokens with its instructions. Ask a shorter one, or raise it."


def test_only_our_own_errors_are_shown() -> None:
    assert error_text(IndexStateError("set x"), "en") == "set x"
    for language in ("en", "zh"):
        assert "secret" not in error_text(RuntimeError("secret"), language)


def test_a_failing_engine_leaves_the_search() -> None:
    assert "Search" in error_text(GenerationError("The model failed."), "en")
    assert "搜索" in error_text(GenerationError("The model failed."), "zh")
    assert "Search" not in error_text(GenerationError(TOO_LONG), "en")


@pytest.mark.parametrize(
    ("error", "lead"),
    [
        (GenerationError(TOO_LONG), "问题太长"),
        (GenerationError("It is being restarted; ask again shortly."), "正在重新启动"),
        (GenerationError("out of memory"), "语言模型无法回答"),
        (ModelError("x"), "模型无法加载"),
        (IndexStateError("x"), "索引不可用"),
        (SearchError("x"), "无法这样搜索"),
        (FootnoteError("x"), "出错了"),
    ],
)
def test_in_chinese_each_kind_leads_with_the_cure(error: FootnoteError, lead: str) -> None:
    told = error_text(error, "zh")
    assert lead in told.split("\n")[0] and told.endswith(str(error))


def test_an_empty_index_says_how_to_fill_it() -> None:
    for language in ("en", "zh"):
        assert "`footnote chat --docs" in empty_text(None, language)
    assert "3/20" in empty_text("3/20", "en") and "3/20" in empty_text("3/20", "zh")
    told = empty_text("3 of 20 documents, 5 passages encoded", "zh")
    assert "20 个文档中的 3 个" in told and "passages" not in told
    assert word("retry", "en") != word("retry", "zh")
