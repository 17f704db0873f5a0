"""Questions for an empty page, from what is indexed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.catalog import Catalog
from rag.chat.starters import (
    GENERIC_STARTERS,
    MAX_LABEL,
    NUM_STARTERS,
    SAMPLE_STARTERS,
    StarterCache,
    starters,
)
from rag.types import Chunk

PRICES = "| Part | Price (EUR) | Weight |\n| Pump | 120 | 3 kg |\n| Valve | 30 | 1 kg |"
HOLIDAY = "Everybody has 25 days of leave each year, and 30 days after ten years of service here."
LEAVE = (
    "员工每年享有15天年假，工作满十年后每年享有20天年假，工作满二十年后每年享有25天年假。"
    "年假应当在当年使用，不得折算为工资，特殊情况可以顺延到次年三月底。"
    "此外，每位员工每年还可以享受三天的带薪病假，并须提交证明。"
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def put(catalog: Catalog, name: str, title: str, text: str, *headings: str, day: int = 1) -> None:
    chunk = Chunk(0, len(text), text, "", headings, None, "en")
    vectors = {name: np.ones(2, np.float32)}
    catalog.put_document(f"/d/{name}", title, "0", 1, day, text, [chunk], [name], vectors)


def asked(catalog: Catalog, language: str = "en") -> list[str]:
    return [one.question for one in starters(catalog, language)]


def test_nothing_indexed_gives_general_questions(catalog: Catalog) -> None:
    assert asked(catalog) == [*GENERIC_STARTERS["en"]]
    assert asked(catalog, "zh") == [*GENERIC_STARTERS["zh"]]


def test_tables_headings_and_titles_make_questions(catalog: Catalog) -> None:
    put(catalog, "prices.md", "Prices", PRICES, day=3)
    put(catalog, "book.md", "Handbook", HOLIDAY, "Handbook", "3.2 Annual leave", day=2)
    put(catalog, "note.md", "A note", "A few words.", "Introduction", day=1)
    assert asked(catalog) == [
        "What is the Price (EUR) of Pump?",
        "What does “Handbook” say about “Annual leave”?",
        "Summarize “A note”",
        "Summarize “Prices”",
    ]


def test_the_last_one_is_in_the_other_language(catalog: Catalog) -> None:
    put(catalog, "leave.md", "员工手册", LEAVE, "第三章 年假", day=9)
    for n in range(5):
        put(catalog, f"{n}.md", f"Guide {n}", HOLIDAY, f"Leave of kind {'abcde'[n]}")
    english = asked(catalog)
    assert len(english) == NUM_STARTERS
    assert english[-1] == "《员工手册》中关于“年假”是怎么说的？"
    assert asked(catalog, "zh")[0] == english[-1]
    assert len(set(english)) == NUM_STARTERS


def test_a_heading_that_asks_is_asked(catalog: Catalog) -> None:
    put(catalog, "faq.md", "FAQ", HOLIDAY, "How much leave do I have?")
    assert asked(catalog)[0] == "How much leave do I have?"
    put(catalog, "list.md", "List", HOLIDAY, "A. Part", "3.2 Days of leave", day=2)
    assert asked(catalog)[0] == "What does “List” say about “Days of leave”?"


def test_what_is_shown_reads_as_a_question_of_its_own(catalog: Catalog) -> None:
    put(catalog, "book.md", "The handbook for everyone in Bristol", HOLIDAY, "3.2 Annual leave")
    put(catalog, "leave.md", "员工手册", LEAVE, "第三章 年假")
    english, chinese = starters(catalog, "en"), starters(catalog, "zh")
    assert english[0].label == "What is said about “Annual leave”?"
    assert "The handbook" in english[0].question
    assert chinese[0].label == chinese[0].question
    for one in [*english, *chinese, *starters(catalog, "en")]:
        assert one.label.endswith(("?", "？")) or one.question.startswith(("Summarize", "总结"))
    for language in ("en", "zh"):
        shown = [*(label for label, _ in SAMPLE_STARTERS[language]), *GENERIC_STARTERS[language]]
        assert all(one.endswith(("?", "？")) and len(one) <= MAX_LABEL for one in shown)


def test_they_follow_the_documents(catalog: Catalog) -> None:
    cache = StarterCache()
    assert cache.questions(catalog, "anna", "zh-CN")[0].question == GENERIC_STARTERS["zh"][0]
    put(catalog, "faq.md", "FAQ", HOLIDAY, "How much leave do I have?")
    assert cache.questions(catalog, "anna", "en-US")[0].question == "How much leave do I have?"
    assert cache.questions(catalog, "anna", None) is cache.questions(catalog, "anna", "en-GB")


def test_the_sample_documents_have_their_own(catalog: Catalog) -> None:
    for name in ("x200-user-manual.pdf", "差旅报销制度.md", "employee-handbook.docx"):
        put(catalog, name, name, HOLIDAY)
    assert "E12" in asked(catalog)[0] and "苏州" in asked(catalog, "zh")[0]
