from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import WordEncoder
from hypothesis import given
from hypothesis import strategies as st

from ingest.sync import sync
from rag.indexes import Indexes
from rag.retriever import Retriever
from rag.tables.when import asks_to_compute, look_like_tables, near_tables, topics
from rag.types import Hit

SALES = "Region,Units sold\nNordics,3\nIberia,4\nEast China,5\n"
STOCK = "料号,盘点数量\nA-1,3\nA-2,4\nA-3,5\n"
RULES = """\
# 差旅制度

员工出差须申请。

## 交通

出差乘坐高铁。

## 标准

| 城市 | 每晚 |
| --- | --- |
| 北京 | 580元 |
| 上海 | 570元 |
| 苏州 | 340元 |

## 补助

出差餐饮补助每天95元。

## 报销

出差之后报销。
"""


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "sales.csv").write_text(SALES, "utf-8")
    (docs / "stock.csv").write_text(STOCK, "utf-8")
    (docs / "travel.md").write_text(RULES, "utf-8")
    (docs / "cats.txt").write_text("Cats sleep in the sun. Regions of the sun are hot.", "utf-8")
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as opened:
        sync(opened, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=30)
        yield opened


def hits(indexes: Indexes, question: str) -> list[Hit]:
    return list(Retriever(indexes, WordEncoder()).find(question, 10).hits)


def ranked(found: list[Hit], *names: str) -> list[Hit]:
    """The best hit in each of the files, in this order."""
    chosen = [next(hit for hit in found if hit.chunk.path.endswith(name)) for name in names]
    return [Hit(rank, hit.score, hit.chunk) for rank, hit in enumerate(chosen, start=1)]


def test_a_chinese_question_finds_the_english_table_that_it_names(indexes: Indexes) -> None:
    found = hits(indexes, "region units 料号 数量 cats")
    near = ranked(found, "stock.csv", "sales.csv")
    places = near_tables("华东地区一共卖出多少台？", near, indexes.catalog)
    assert [place.hit.chunk.title for place in places] == ["sales", "stock"]
    places = near_tables("料号A-1的盘点数量是多少？", near, indexes.catalog)
    assert [place.hit.chunk.title for place in places] == ["stock", "sales"]


def test_no_table_where_the_best_hits_are_none(indexes: Indexes) -> None:
    found = hits(indexes, "region units cats sun sleep 出差")
    cats = next(hit for hit in found if hit.chunk.path.endswith("cats.txt"))
    table = next(hit for hit in found if hit.chunk.path.endswith("sales.csv"))
    near = [Hit(1, 1.0, cats.chunk), Hit(2, 1.0, cats.chunk), Hit(3, 1.0, table.chunk)]
    assert near_tables("region?", near, indexes.catalog) == []
    assert not look_like_tables(near) and look_like_tables(ranked(found, "cats.txt", "sales.csv"))


def test_what_a_document_is_about_is_told_beside_its_table(indexes: Indexes) -> None:
    found = hits(indexes, "城市 每晚 北京 苏州 580元")
    near = [hit for hit in found if "580" in hit.chunk.text]
    (place,) = near_tables("北京", [Hit(1, 1.0, near[0].chunk)], indexes.catalog)
    is_topic = topics(place)
    assert is_topic("出差") and not is_topic("餐饮") and not is_topic("北京")
    (alone,) = near_tables("x", ranked(hits(indexes, "region"), "sales.csv"), indexes.catalog)
    assert not topics(alone)("region")


def test_a_document_that_is_gone_has_no_tables(indexes: Indexes, tmp_path: Path) -> None:
    near = ranked(hits(indexes, "region units"), "sales.csv")
    (tmp_path / "docs" / "sales.csv").unlink()
    sync(indexes, WordEncoder(), [tmp_path / "docs"], max_file_bytes=10**6, max_chunk_tokens=30)
    assert near_tables("region", near, indexes.catalog) == []


@given(st.text(max_size=60))
def test_strong_words_alone_make_it_sure(question: str) -> None:
    assert asks_to_compute(question) in ("surely", "perhaps", "no")
    assert asks_to_compute(f"{question} 合计") == "surely"
