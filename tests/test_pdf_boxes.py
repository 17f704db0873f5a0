"""The rectangles that runs of a page's characters make."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
from reportlab.pdfgen.canvas import Canvas

from rag.pdf_boxes import CharacterBoxes, rectangles
from rag.pdf_text import page_text

Words = list[tuple[float, float, float, str]]  # left, baseline, size, text


def boxes_of(path: Path, words: Words, angle: float = 0) -> list[str]:
    """The text that each rectangle of the page holds."""
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.rotate(angle)
    for left, baseline, size, text in words:
        canvas.setFont("Helvetica", size)
        canvas.drawString(left, baseline, text)
    canvas.save()
    with pypdfium2.PdfDocument(path) as pdf:
        page = pdf[0]
        textpage = page.get_textpage()
        text, boxes = page_text(textpage), CharacterBoxes(textpage)
        inks = [boxes.ink(index) for index in range(len(text))]
        held = []
        for left, bottom, right, top in rectangles(textpage, range(len(text))):
            assert left < right and bottom < top
            middles = [((ink[0] + ink[2]) / 2, (ink[1] + ink[3]) / 2) for ink in inks]
            signs = [
                sign
                for sign, (x, y) in zip(text, middles, strict=True)
                if left <= x <= right and bottom <= y <= top and not sign.isspace()
            ]
            held.append("".join(signs))
        textpage.close()
        page.close()
    return held


def test_a_line_is_one_rectangle_and_cells_are_several(tmp_path: Path) -> None:
    line: Words = [(60, 700, 10, "words of one line")]
    cells: Words = [(60, 680, 10, "Total"), (300, 680, 10, "1,234"), (400, 680, 10, "5")]
    held = boxes_of(tmp_path / "a.pdf", line + cells)
    assert held == ["wordsofoneline", "Total", "1,234", "5"]


def test_lines_that_stand_close_do_not_hold_each_other(tmp_path: Path) -> None:
    lines: Words = [(60, 700 - 8.5 * i, 10, f"lying close {i}") for i in range(5)]
    assert boxes_of(tmp_path / "a.pdf", lines) == [f"lyingclose{i}" for i in range(5)]


def test_a_much_larger_sign_stands_alone(tmp_path: Path) -> None:
    words: Words = [(60, 700, 30, "3"), (80, 712, 10, "first line"), (80, 700, 10, "second")]
    assert boxes_of(tmp_path / "a.pdf", words) == ["3", "firstline", "second"]


def test_turned_text_is_held_too(tmp_path: Path) -> None:
    for angle in (10, 45):
        held = boxes_of(tmp_path / "a.pdf", [(300, 200, 10, "aslant")], angle)
        assert set("".join(held)) == set("aslant")
