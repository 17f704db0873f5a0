"""Where a quote stands among a page's letters, and that its rectangles hold it."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rectangles import measure
from rag.pdf_quotes import find_quote, letters
from rag.pdf_text import page_text

ROOT = Path(__file__).resolve().parent.parent
OWN = sorted((ROOT / "data").rglob("*.pdf"))
REPORTS = ROOT.parent / "shared" / "data" / "tenq-pdf" / "files"


def found(page: str, before: str, quote: str, after: str) -> str:
    page = letters(page)
    return "".join(page[start:end] for start, end in find_quote(page, before, quote, after))


words = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=30, max_size=80)


@settings(deadline=None)
@given(words, st.integers(0, 29), st.integers(1, 20))
def test_a_quote_of_a_page_is_found_whole(page: list[str], start: int, count: int) -> None:
    before, quote, after = (
        " ".join(part)
        for part in (page[:start], page[start : start + count], page[start + count :])
    )
    assert found(" ".join(page), before, quote, after) == letters(quote)


@settings(deadline=None)
@given(words, words)
def test_spans_lie_in_the_page_and_do_not_overlap(page: list[str], quote: list[str]) -> None:
    text = letters(" ".join(page))
    spans = sorted(find_quote(text, "", " ".join(quote), ""))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_of_equal_quotes_the_likest_surroundings_count() -> None:
    page = letters("total 5 apples. total 5 pears.")
    at = page.index("total5", 3)
    assert find_quote(page, "apples", "total 5", "pears") == [(at, at + 6)]
    assert find_quote(page, "", "total 5", "apples") == [(0, 6)]
    assert find_quote(page, "", "", "") == []


def test_rows_alike_are_told_apart_by_what_stands_before() -> None:
    page = "Pumps 2021 Sales 5 7 Total 5 7 Valves 2021 Sales 5 7 Total 5 9"
    row, at = "| Total | 5 |", letters(page).rindex("total5")
    before = "| Valves made in-house | 2021 |\n| Sales | 5 | 7 |\n"
    assert find_quote(letters(page), before, row, " 9 |") == [(at, at + 6)]


def test_a_header_joined_from_two_lines_is_found_in_the_quotes_order() -> None:
    page = "Three Months Ended Nine Months Ended June 25, 2022 June 26, 2021 Net sales 5 6"
    quote = "|  | Three Months Ended June 25, 2022 | Nine Months Ended June 26, 2021 |"
    assert found(page, "", quote, "\n| Net sales | 5 | 6 |") == letters(quote)


def test_a_quote_around_a_footer_and_over_a_page_edge() -> None:
    first, second = "the first half of a sentence that goes", "on over the page and ends there"
    quote = f"{first} {second}"
    page = f"before it all stood something {first} footer 12"
    assert found(page, "before it all stood something", quote, "") == letters(first)
    page = f"{first} 12 Annual Report {second} after"
    assert found(page, "", quote, "after") == letters(quote)
    assert found("nothing alike is here", "", quote, "") == ""


def test_a_heading_after_a_page_that_ends_like_its_own() -> None:
    page = (
        f"EXHIBIT 32.2 CERTIFICATION of the report, attached as Exhibit 32.2, {'x y ' * 99}the end"
    )
    text = letters(page)
    spans = find_quote(text, "the end of the report", "EXHIBIT 32.2", "CERTIFICATION of the report")
    assert spans == [(0, 10)]


def test_a_cell_is_not_found_within_another_number() -> None:
    page = "Total 1315 3 9 Sum 4 8"
    text, words = letters(page), page.split()
    edges = {len(letters(" ".join(words[:count]))) for count in range(len(words) + 1)}
    spans = find_quote(text, "| Total | 1315 ", "| 3 |", " 8 |", frozenset(edges))
    assert spans == [(text.index("3", 8), text.index("3", 8) + 1)]


def test_a_sentence_that_the_page_before_ends_with() -> None:
    sentence = "increased sales were driven largely by our continued focus on price"
    text = letters(f"Sales in Asia went up too. {sentence}. Other income fell.")
    spans = find_quote(text, f"{sentence[10:]}. Sales in Asia went up too. ", sentence, "")
    assert [text[slice(*span)] for span in spans] == [letters(sentence)]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_rectangles_hold_their_quotes(path: Path) -> None:
    row = measure(path, 200)
    assert row["chunks"] and row["missed"] == []


@pytest.mark.skipif(not REPORTS.exists(), reason="the reports are not here")
def test_rectangles_hold_their_quotes_in_reports() -> None:
    paths = sorted(REPORTS.rglob("*Q1*.pdf"))
    rows = [measure(path, 12) for path in paths]
    chunks, held = (sum(row[name] for row in rows) for name in ("chunks", "held"))
    assert held >= 0.99 * chunks, [row["missed"] for row in rows]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_page_s_text_has_a_character_for_each_of_pdfiums(path: Path) -> None:
    import pypdfium2
    import pypdfium2.raw as pdfium

    hyphens = {"\ufffe": "\x02"}  # told in two ways
    with pypdfium2.PdfDocument(path) as pdf:
        for page in islice(pdf, 5):
            textpage = page.get_textpage()
            codes = [
                pdfium.FPDFText_GetUnicode(textpage.raw, i) for i in range(textpage.count_chars())
            ]
            text = "".join(hyphens.get(sign, sign) for sign in page_text(textpage))
            assert text == "".join(chr(code) if code else " " for code in codes)
            textpage.close()
            page.close()
