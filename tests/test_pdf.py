"""PDFs: tables, reading order, headings, locked and damaged files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

import ingest.readers.pdf
from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from ingest.readers.pdf_headings import heading_at, typography
from ingest.readers.pdf_lines import Cell, Line
from ingest.readers.pdf_order import in_reading_order
from ingest.readers.pdf_tables import Table, with_tables
from rag.errors import ReadError
from rag.types import Document

ROOT = Path(__file__).resolve().parent.parent
TORTURE = ROOT.parent / "shared" / "data" / "torture" / "files"
NO_OCR = ReadOptions(ocr=False)

Words = list[tuple[float, float, str]]  # left, baseline, text


def write(path: Path, pages: list[Words], size: float = 10, bold: set[str] = frozenset()) -> Path:
    canvas = Canvas(str(path), pagesize=(595, 842))
    for words in pages:
        for left, baseline, text in words:
            canvas.setFont("Helvetica-Bold" if text in bold else "Helvetica", size)
            canvas.drawString(left, baseline, text)
        canvas.showPage()
    canvas.save()
    return path


def texts(document: Document, kind: str) -> list[str]:
    return [document.text[b.start : b.end] for b in document.blocks if b.kind == kind]


STATEMENT: Words = [
    (300, 760, "Three Months Ended"),
    (300, 748, "June 25,"),
    (300, 736, "2022"),
    (400, 748, "June 26,"),
    (400, 736, "2021"),
    (60, 720, "Net sales:"),
    (60, 706, "Products"), (300, 706, "$"), (330, 706, "63,355"),
    (400, 706, "$"), (430, 706, "63,948"),
    (60, 692, "Services"), (330, 692, "19,604"), (430, 692, "17,486"),
    (60, 678, "Total net sales and what else there"),
    (60, 664, "may be"), (330, 664, "82,959"), (430, 664, "(81,434"), (460, 664, ")"),
]  # fmt: skip


def test_a_statement_without_rules_is_a_table(tmp_path: Path) -> None:
    document = read_document(write(tmp_path / "a.pdf", [STATEMENT]), options=NO_OCR)
    (table,) = texts(document, "table")
    assert table.split("\n") == [
        "|  | Three Months Ended June 25, 2022 | June 26, 2021 |",
        "| Net sales: |  |  |",
        "| Products | $ 63,355 | $ 63,948 |",
        "| Services | 19,604 | 17,486 |",
        "| Total net sales and what else there may be | 82,959 | (81,434) |",
    ]
    assert document.blocks[0].header == table.split("\n")[0]


def test_columns_of_words_are_a_table_where_they_align(tmp_path: Path) -> None:
    rows = [("Code", "Meaning"), ("E07", "blocked"), ("E12", "hot lamp"), ("E13", "no lamp")]
    words = [(x, 700 - 14 * i, row[x > 60]) for i, row in enumerate(rows) for x in (60.0, 200.0)]
    document = read_document(write(tmp_path / "a.pdf", [words]), options=NO_OCR)
    assert texts(document, "table")[0].split("\n")[2] == "| E12 | hot lamp |"


LEFT = [f"the left column's line {n} goes on in prose and" for n in range(1, 13)]
RIGHT = [f"so does the right column's line {n} which is long" for n in range(1, 13)]


@pytest.mark.parametrize("order", ["columns", "rows", "right first"])
def test_columns_of_prose_are_read_one_after_the_other(tmp_path: Path, order: str) -> None:
    left = [(50.0, 700.0 - 12 * i, text) for i, text in enumerate(LEFT)]
    right = [(320.0, 700.0 - 12 * i, text) for i, text in enumerate(RIGHT)]
    rows = [word for pair in zip(left, right, strict=True) for word in pair]
    words = {"columns": left + right, "rows": rows, "right first": right + left}[order]
    document = read_document(write(tmp_path / "a.pdf", [words]), options=NO_OCR)
    assert " ".join(document.text.split()) == " ".join(LEFT + RIGHT)
    assert texts(document, "table") == []


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_ordering_loses_nothing(chance: random.Random) -> None:
    lines = [
        Line(str(i), left, left + chance.uniform(5, 200), chance.uniform(20, 800), 10)
        for i, left in enumerate(chance.uniform(20, 500) for _ in range(chance.randint(0, 40)))
    ]
    ordered = in_reading_order(lines)
    assert sorted(map(id, ordered)) == sorted(map(id, lines))


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_column_is_read_from_its_top_down(chance: random.Random) -> None:
    lines = [Line(str(i), 50, 300, 800 - 15 * i, 10) for i in range(20)]
    drawn = chance.sample(lines, len(lines))
    assert in_reading_order(drawn) == lines


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_tables_keep_every_word(chance: random.Random) -> None:
    lines = []
    for row in range(chance.randint(1, 12)):
        count = chance.randint(1, 4)
        cells = tuple(
            Cell(f"w{row}x{c}", 60 + 120 * c, 60 + 120 * c + chance.uniform(10, 100))
            for c in range(count)
        )
        text = " ".join(cell.text for cell in cells)
        parts = cells if count > 1 else ()
        lines.append(
            Line(text, cells[0].left, cells[-1].right, 700 - 14 * row, 10, count > 1, parts)
        )
    words = []
    for item in with_tables(lines):
        texts = [" ".join(row) for row in item.rows] if isinstance(item, Table) else [item.text]
        words += " ".join(texts).split()
    assert sorted(words) == sorted(" ".join(line.text for line in lines).split())


def test_headings_are_larger_or_bolder() -> None:
    body = [
        Line("a line of the body that is long enough", 50, 400, 600 - 12 * i, 10) for i in range(9)
    ]
    lines = [
        Line("The Title of", 50, 300, 760, 20), Line("Everything", 50, 300, 736, 20),
        Line("A Chapter", 50, 300, 700, 14), *body,
        Line("A bold line", 50, 200, 480, 10, weight=700), body[-1],
        Line("A bold sentence.", 50, 200, 400, 10, weight=700),
    ]  # fmt: skip
    style = typography(lines, {})
    found = [(at, heading_at(lines, at, style)) for at in (0, 2, 3, 12, 14)]
    assert found == [(0, (1, 2)), (2, (2, 1)), (3, None), (12, (6, 1)), (14, None)]


def test_an_outline_decides_and_may_wrap() -> None:
    lines = [Line("A title that", 50, 90, 700, 10), Line("wraps", 50, 90, 688, 10)]
    style = typography([*lines, Line("Other", 50, 90, 600, 10)], {"atitlethatwraps": 3, "other": 1})
    assert heading_at(lines, 0, style) == (3, 2)
    assert heading_at(lines, 1, style) is None


# Locked and damaged files


def locked(path: Path, password: str, algorithm: str) -> Path:
    writer = PdfWriter(
        clone_from=PdfReader(write(path.with_suffix(".open.pdf"), [[(60, 700, "secret text")]]))
    )
    writer.encrypt(password, algorithm=algorithm)
    writer.write(path)
    return path


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
@pytest.mark.parametrize("password", ["letmein", "schlüssel"])
def test_passwords_are_tried_in_turn(tmp_path: Path, algorithm: str, password: str) -> None:
    path = locked(tmp_path / "a.pdf", password, algorithm)
    options = ReadOptions(passwords=("wrong", password), ocr=False)
    assert read_document(path, options=options).text == "secret text"
    for passwords in ((), ("wrong",)):
        with pytest.raises(ReadError, match=r"a\.pdf.*passwords") as caught:
            read_document(path, options=ReadOptions(passwords=passwords, ocr=False))
        assert caught.value.reason == "password"


def test_a_password_may_be_written_in_another_form(tmp_path: Path) -> None:
    """PDF 2.0 maps compatible signs onto plain ones and drops soft hyphens (RFC 4013)."""
    path = locked(tmp_path / "a.pdf", "SaSLprep", "AES-256")
    options = ReadOptions(passwords=("S\u00aaSL\u00adprep",), ocr=False)
    assert read_document(path, options=options).text == "secret text"


def test_pages_that_are_all_alike_are_not_running_lines(tmp_path: Path) -> None:
    pages: list[Words] = [[(60, 700, "the only line")] for _ in range(6)]
    document = read_document(write(tmp_path / "a.pdf", pages), options=NO_OCR)
    assert [block.page for block in document.blocks] == [1, 2, 3, 4, 5, 6]


def test_a_damaged_page_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(
        tmp_path / "a.pdf", [[(60, 700, f"page {word}")] for word in ("one", "two", "six")]
    )
    data = path.read_bytes()
    second = data.index(b"/Type /Page\n", data.index(b"/Type /Page\n") + 5)
    path.write_bytes(data[:second] + b"/Type /Pagx\n" + data[second + 12 :])
    document = read_document(path, options=NO_OCR)
    assert (document.blocks[0].page, document.blocks[-1].page) == (1, 3)
    assert "page one" in document.text and "page six" in document.text
    if "page two" not in document.text:  # another release may read it
        assert "page 2 is damaged" in caplog.text


def test_what_pdfium_cannot_open_is_read_by_pypdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.pdf", [[(60, 700, "page one")], [], [(60, 700, "page three")]])
    monkeypatch.setattr(ingest.readers.pdf, "open_pdf", lambda path, passwords: None)
    document = read_document(path, options=NO_OCR)
    assert [(document.text[b.start : b.end], b.page) for b in document.blocks] == [
        ("page one", 1),
        ("page three", 3),
    ]


def test_pages_without_text_leave_the_others_their_numbers(tmp_path: Path) -> None:
    pages: list[Words] = [[], [(60, 700, "second")], [], [(60, 700, "fourth")]]
    document = read_document(write(tmp_path / "a.pdf", pages), options=NO_OCR)
    assert [block.page for block in document.blocks] == [2, 4]


@pytest.mark.skipif(not TORTURE.exists(), reason="the hard files are not here")
@pytest.mark.parametrize(
    "category", ["pdf_damaged", "pdf_malformed_readable", "pdf_encrypted_open"]
)
def test_hard_files_give_text_or_a_reason(category: str) -> None:
    outcomes = set()
    for path in sorted((TORTURE / category).glob("*.pdf")):
        try:
            document = read_document(path, options=NO_OCR)
        except ReadError as error:
            outcomes.add(error.reason)
        else:
            outcomes.add("text")
            for block in document.blocks:
                assert document.text[block.start : block.end].strip()
    assert outcomes <= {"text", "damaged", "notext"} and "text" in outcomes
