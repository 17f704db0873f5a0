"""Stored text as HTML: what is shown is what is stored, and the span is marked in it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_viewer_rows import chunks_of, sheet

from ingest.readers.builder import DocumentBuilder
from rag.types import Document
from rag.viewer_text import TextWriter

TAG = re.compile("<[^<>]*>")


def write(document: Document, quote: str, suffix: str, *, part: str = "") -> str:
    start = document.text.index(quote)
    writer = TextWriter(
        document.text, (start, start + len(quote)), chunks_of(document), suffix=suffix, anchor=True
    )
    first = document.text.index(part) if part else 0
    return writer.write(first, first + len(part) if part else len(document.text))


def letters(text: str) -> str:
    return "".join(text.replace("|", "").split())


LINE = st.sampled_from(
    ["", "| a | <b> |", "| c | d |", "- item & co", "key: value", "# x", "  code", '"quoted"', "|"]
)


@given(
    st.lists(LINE).map("\n".join),
    st.sampled_from([".md", ".json", ".py", ".csv"]),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_all_text_is_shown_and_the_span_is_marked(
    text: str, suffix: str, start: int, length: int
) -> None:
    end = min(len(text), start + length)
    html = TextWriter(text, (start, end), [], suffix=suffix, anchor=True).write(0, len(text))
    assert letters(unescape(TAG.sub("", html))) == letters(text)
    marked = "".join(re.findall("<mark[^>]*>(.*?)</mark>", html, re.DOTALL))
    assert letters(unescape(marked)) == letters(text[start:end])
    assert html.count('id="cite"') == (1 if "<mark" in html else 0)


def test_a_sheet_is_a_table_with_its_row_numbers_and_the_cited_row() -> None:
    html = write(sheet([1, 2, 3]), "| part 3 | 21 |", ".xlsx")
    assert "<h2>Stock</h2>" in html
    assert "<thead><tr><th></th><th>part 1</th><th>7</th></tr></thead>" in html
    assert '<tr><th scope="row">2</th><td>part 2</td><td>14</td></tr>' in html
    cited = '<tr class="cited"><th scope="row">3</th><td><mark id="cite">part 3</mark></td>'
    assert cited + "<td><mark>21</mark></td></tr>" in html


def test_rows_far_down_show_the_header_once_more() -> None:
    document = sheet(list(range(1, 260)))
    html = write(document, "part 250", ".xlsx", part="| part 250 | 1750 |\n| part 251 | 1757 |")
    assert html.count("<tr") == 3 and "<th>part 1</th>" in html
    assert '<th scope="row">250</th><td><mark id="cite">part 250</mark>' in html


def test_a_quote_in_the_header_row_is_marked_there() -> None:
    assert '<th><mark id="cite">part 1</mark></th>' in write(sheet([1, 2]), "part 1", ".csv")


def test_records_are_pairs_under_their_path() -> None:
    builder = DocumentBuilder()
    builder.add_record("$.camera", "gain_db: 4.5\nbinning: 2x2")
    builder.add_record("$.disk", "reserve_gb: 50")
    html = write(builder.build("profile"), "4.5", ".json")
    assert '<p class="label">$.camera</p><dl class="record">' in html
    assert '<dt>gain_db: </dt><dd><mark id="cite">4.5</mark></dd>' in html
    assert html.index("$.camera") < html.index("binning") < html.index("$.disk")


@pytest.mark.parametrize("with_headings", [True, False], ids=["whole", "bodies"])
def test_slides_and_headings_are_told(with_headings: bool) -> None:
    builder = DocumentBuilder()
    for page in (1, 2):
        builder.set_page(page)
        builder.reset_headings()
        builder.add_heading(1, f"Title {page}")
        builder.add_list_item("point <1>")
    document = builder.build("deck")
    chunks = [c for c in chunks_of(document) if with_headings or c.text.startswith("-")]
    at = document.text.index("Title 2")
    writer = TextWriter(document.text, (at, at + 7), chunks, suffix=".pptx", anchor=True)
    html = writer.write(0, len(document.text))
    assert html.count('<p class="label">Slide ') == 2
    assert '<p class="label">Slide 2</p><h2><mark id="cite">Title 2</mark></h2>' in html
    assert '<div class="text item">- point &lt;1&gt;</div>' in html


@pytest.mark.parametrize(
    ("line", "suffix", "shown"),
    [
        ("Travel abroad", ".docx", "h3"),
        ("Travel abroad", ".csv", "div"),
        ("We travel abroad.", ".docx", "div"),
        ("- Travel abroad", ".docx", "div"),
        ("Travel " * 12, ".docx", "div"),
    ],
)
def test_a_heading_is_told_by_its_looks(line: str, suffix: str, shown: str) -> None:
    text = f"{line}\n\n{'A paragraph that is long. ' * 4}"
    assert TextWriter(text, (0, 0), [], suffix=suffix).write(0, len(text)).startswith(f"<{shown}")


def test_code_keeps_its_blank_lines_and_indentation() -> None:
    text = "def f():\n\n\n    return 1\n"
    html = TextWriter(text, (12, 20), [], suffix=".py", anchor=True).write(0, len(text))
    assert TAG.sub("", html) == text
