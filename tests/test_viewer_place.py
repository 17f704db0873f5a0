"""Where a span stands, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_service import FILES, REPOSITORY, fill_catalog

from rag.catalog import Catalog
from rag.viewer_place import MAX_CELLS, passage_json, place_line
from rag.viewer_span import Opened, open_span
from rag.viewer_words import heading_words

MANUAL, _, HANDBOOK, GUIDE, _, CONTRACT, SALES, SLIDES, PROFILE = FILES


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog(tmp_path_factory.mktemp("index") / "catalog.sqlite") as catalog:
        fill_catalog(catalog, REPOSITORY / "data")
        yield catalog


def opened(catalog: Catalog, name: str, quote: str) -> Opened:
    document = catalog.document_by_path(str(REPOSITORY / "data" / name))
    assert document is not None
    start = catalog.document_text(document.document_id).index(quote)
    return open_span(catalog, document.document_id, start, start + len(quote))


@pytest.mark.parametrize(
    ("name", "quote", "english", "chinese"),
    [
        (SALES, "| Nordics | Q2 | 53", "Quarterly sales · Row 3", "Quarterly sales · 第 3 行"),
        (SALES, "Q1 | 48 | 912400 | 2025-04-04 | Astrid Holm |\n| Nordics | Q2",
         "Quarterly sales · Rows 2–3", "Quarterly sales · 第 2–3 行"),
        (GUIDE, "A password has at least", "Accounts and passwords", "Accounts and passwords"),
        (HANDBOOK, "The full-time week has", "1 Working time", "1 Working time"),
        (PROFILE, "gain_db: 4.5", "$.camera", "$.camera"),
        (PROFILE, "schema_version: 7", "", ""),
    ],
)  # fmt: skip
def test_places(catalog: Catalog, name: str, quote: str, english: str, chinese: str) -> None:
    span = opened(catalog, name, quote)
    assert place_line(span, "en") == english
    assert place_line(span, "zh") == chinese


def test_a_slide_is_called_one(catalog: Catalog) -> None:
    span = opened(catalog, SLIDES, "Distributors in 23 countries")
    assert passage_json(span)["place"] == "Slide 2 · Where we stand"
    assert passage_json(span, "zh")["place"] == "第 2 张幻灯片 · Where we stand"


def test_a_record_is_counted_as_people_do() -> None:
    assert heading_words(("Orders", "$[7]", "lines"), "Orders", "en") == "Record 8 > lines"
    assert heading_words(("$[0]",), "Orders", "zh") == "第 1 条记录"
    assert heading_words(("$", "$.a[7]"), "Orders", "en") == "$.a[7]"


def test_a_cited_row_is_told_cell_by_cell(catalog: Catalog) -> None:
    told = passage_json(opened(catalog, SALES, "53"))
    assert told["cells"][:3] == [("Region", "Nordics"), ("Quarter", "Q2"), ("Units sold", "53")]
    assert len(told["cells"]) <= MAX_CELLS
    header = passage_json(opened(catalog, SALES, "| Region | Quarter"))
    assert header["cells"] == [] and header["place"] == "Quarterly sales · Row 1"
    assert passage_json(opened(catalog, GUIDE, "A password"))["cells"] == []


def test_a_lost_pdf_still_tells_the_page_that_was_indexed(catalog: Catalog, tmp_path: Path) -> None:
    from dataclasses import replace

    span = opened(catalog, MANUAL, "E12 | Lamp over")
    gone = replace(span, document=replace(span.document, path=str(tmp_path / "gone.pdf")))
    assert passage_json(gone)["page"] == passage_json(span)["page"] == 5
