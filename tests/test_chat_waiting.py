"""What is said while an answer has not begun."""

from __future__ import annotations

import time

from ingest.sync import Progress
from rag.chat.waiting import PATIENCE_SECONDS, WaitingLine, progress_text
from rag.types import PackReport

PACKING = PackReport("auto", (), (), 0, 0, 1432, 1100, 7680)


def test_seconds_are_counted_once_it_takes_long() -> None:
    line = WaitingLine("en")
    begun = time.monotonic()
    assert line.text(begun) == "Searching …"
    line.reading(PACKING)
    assert line.text(time.monotonic()) == "The model reads 1,432 tokens …"
    later = line.text(time.monotonic() + PATIENCE_SECONDS + 5)
    assert later == "The model reads 1,432 tokens … 7 s"
    line.line = "Reading section 2 of 8"
    assert line.text(time.monotonic()) == "Reading section 2 of 8 …"
    line.reading(None)
    assert line.text(time.monotonic()) == "Reading the sources …"


def test_a_model_that_loads_comes_first() -> None:
    line = WaitingLine("en")
    line.state = "Loading the language model"
    assert line.text(time.monotonic()) == "Please wait: Loading the language model …"
    line.state = "ready"
    assert line.text(time.monotonic()) == "Searching …"


def test_the_progress_that_is_translated_is_the_one_that_is_told() -> None:
    told = str(Progress(3, 10, "/d/a.md", 1200))
    assert progress_text(told, "en") == told
    assert progress_text(told, "zh") == "10 个文档中的 3 个，已编码 1,200 个段落"


def test_in_chinese_what_is_known_is_translated() -> None:
    line = WaitingLine("zh")
    line.state = "Loading the encoder; loading the language model"
    assert line.text(time.monotonic()) == "请稍候：正在加载编码器；正在加载语言模型……"
    line.state = "reading 3 of 10 documents, 1,200 passages encoded"
    told = line.text(time.monotonic())
    assert told == "请稍候：正在读取：10 个文档中的 3 个，已编码 1,200 个段落……"
    line.state = "something new"
    assert "something new" in line.text(time.monotonic())
