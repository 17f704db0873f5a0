"""How an answer came about, in a line and in rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import passage

from rag.chat.trace import found_line, mode_line, trace_props
from rag.types import Answer, Found, Hit, LeftOut, PackedPassage, PackReport, StoredChunk
from rag.where import Where

CHUNK = StoredChunk(1, 1, "/d/a.md", "A", 0, 0, 4, "text", ("H",), None, "en")
FOUND = Found(
    (Hit(1, 2.0, CHUNK),), "pumps", "dense", Where(types=("pdf",)), (),
    {"encode": 6.2, "dense": 0.1, "total": 45.3},
)  # fmt: skip
LEFT = LeftOut(3, "/d/b.md", "B", "Part 2", 900, "it takes 900 tokens where 12 are left")
PACKING = PackReport(
    "auto", (PackedPassage(1, 212, "section"),), (LEFT,) * 7, 1, 2, 1432, 1100, 7680
)
ANSWER = Answer(
    "q", "t", False, (), (passage("text"),), (), 1432, 58, "Qwen",
    {"first_token": 812.0, "total": 12_345.0},
)  # fmt: skip


def rows(props: dict[str, Any]) -> dict[str, list[str]]:
    return {row["name"]: row["lines"] for row in props["rows"]}


def test_everything_is_told_of_a_finished_answer() -> None:
    props = trace_props(FOUND, [passage("text")], "en", PACKING, ANSWER)
    assert props["summary"] == (
        "1 passage found in 45 ms · 1,432 tokens read · 58 written · 12 s · Qwen"
    )
    told = rows(props)
    assert told["Searched for"] == ["pumps"] and told["How"] == ["by meaning"]
    assert told["Only in"] == ["type pdf"]
    assert told["Search time"] == ["45 ms (encoding 6)"]  # what took no time is left out
    assert told["Prompt"] == ["1,432 of 7,680 tokens; passages 212 of 1,100"]
    assert told["Read"] == ["[1] Document 1 (212 tokens, its section)"]
    assert told["Not read"][0] == "B · Part 2: it takes 900 tokens where 12 are left"
    assert told["Not read"][-1] == "and 2 more" and len(told["Not read"]) == 6
    assert told["Earlier questions"] == ["1 read, 2 left out"]
    assert told["Model"] == ["Qwen", "0.8 s to the first word, 12 s in all, 58 tokens written"]


def test_passages_of_one_document_are_told_apart() -> None:
    held = [passage("text", headings=("Document 1", "Part 2", "rows 3-5"))]
    slow = replace(FOUND, timings_ms={"total": 1234.4})
    told = rows(trace_props(slow, held, "en", PACKING, ANSWER))
    assert told["Read"] == ["[1] Document 1 · Part 2 > Rows 3–5 (212 tokens, its section)"]
    assert told["Search time"] == ["1,234 ms"]


def test_in_chinese_no_english_is_left() -> None:
    props = trace_props(FOUND, [passage("text")], "zh", PACKING, ANSWER)
    assert props["summary"].startswith("找到 1 个段落，用时 45 毫秒 · 读取 1,432 个词元")
    told = rows(props)
    assert told["未读取"][0] == "B · Part 2：需要 900 个词元，只剩 12 个"
    assert told["检索方式"] == ["语义"] and told["仅限"] == ["pdf"]
    assert len(told) == len(rows(trace_props(FOUND, [passage("text")], "en", PACKING, ANSWER)))


def test_before_the_answer_only_the_search_is_told() -> None:
    props = trace_props(FOUND, [], "en")
    assert props["summary"] == "1 passage found in 45 ms"
    assert set(rows(props)) == {"Searched for", "How", "Only in", "Search time"}


@pytest.mark.parametrize(("count", "line"), [(0, "0 passages found in 0 ms"), (1, "1 passage")])
def test_the_line_of_a_search(count: int, line: str) -> None:
    found = Found((Hit(1, 2.0, CHUNK),) * count, "q", "lexical")
    assert found_line(found, "en").startswith(line)
    assert mode_line(found, "en") == "by words"


def test_an_answer_from_the_cache_says_so() -> None:
    kept = replace(ANSWER, cached=True)
    for language, told in (("en", "from the cache"), ("zh", "来自缓存")):
        props = trace_props(FOUND, [passage("text")], language, PACKING, kept)
        assert str(props["summary"]).endswith(told)
        fresh = trace_props(FOUND, [passage("text")], language, PACKING, ANSWER)
        assert told not in str(fresh["summary"])
