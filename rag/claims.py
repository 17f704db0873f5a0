"""What of a statement can be checked to the letter: figures, units, names, a row, a no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.names import is_unspaced, names_in
from rag.negation import turns_around
from rag.numbers import figures_in, numbers_in, without_marks
from rag.quantities import quantities_in, same_value, wrong_unit

Verdict = Literal["supported", "unsupported", "contradicted"]

MIN_LABEL_CHARACTERS = 2  # of a cell that names a row
_ROW = "|"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a statement is not borne out: what is at fault, and where that can be said, which one."""

    verdict: Verdict
    kind: Literal["words", "figure", "unit", "name", "negation", "row", "order"]
    detail: str = ""


def telling_figures(statement: str, question: str) -> set[str]:
    """The figures that a statement adds to its question; all where it adds none."""
    figures = figures_in(statement)
    return figures - numbers_in(question) or figures


def missing_figure(statement: str, source: str) -> str:
    """The first figure of a statement that a source does not give; "" if all stand there."""
    known, counted = numbers_in(source), numbers_in(without_marks(source))
    given = quantities_in(source)
    with_units = {
        figure for one in quantities_in(statement) if one.kind for figure in figures_in(one.number)
    }
    scaled = {
        figure
        for one in quantities_in(statement)
        if any(same_value(one, other) for other in given)
        for figure in figures_in(one.number)
    }
    figures = figures_in(statement) - scaled
    # "Step 5" may cite the line that 5. begins; five years may not.
    return min((figures & with_units) - counted | (figures - known), default="")


def missing_name(statement: str, source: str) -> str:
    """The first name of a statement that a source does not hold; "" if all stand there.

    A source in another script may write them otherwise, unless they stand in the midst of unspaced
    script, where they are taken over as they are.
    """
    if not is_unspaced(statement) and is_unspaced(source):
        return ""
    folded = source.casefold()
    return min((name for name in names_in(statement) if name not in folded), default="")


def other_row(statement: str, question: str, row: str, passage: str) -> str:
    """What names another row of the table in the statement, where its own row is not named.

    "" if the row is the right one, or cannot be told.
    """
    if not row.lstrip().startswith(_ROW):
        return ""
    said = f"{statement}\n{question}".casefold()
    own = [cell for cell in _cells(row) if not cell[:1].isdigit()]  # 430元 names no row
    if any(_stands_in(cell, said) for cell in own if cell):
        return ""
    lines = passage.splitlines()
    others = (
        label
        for before, line in zip(["", *lines], lines, strict=False)
        if before.lstrip().startswith(_ROW)  # else it is the table's head
        and line.lstrip().startswith(_ROW)
        and line.strip() != row.strip()
        for label in labels_in(line)[:1]
    )
    return next((label for label in others if _stands_in(label, said) and label not in own), "")


def labels_in(row: str) -> list[str]:
    """The cells of a table's row that name something, in lower case."""
    return [
        cell
        for cell in _cells(row)
        if len(cell) >= MIN_LABEL_CHARACTERS and not any(sign.isdigit() for sign in cell)
    ]


def _stands_in(label: str, text: str) -> bool:
    """As a whole, not within a Latin word."""
    return re.search(rf"(?<![a-z\d]){re.escape(label)}(?![a-z\d])", text) is not None


def _cells(row: str) -> list[str]:
    return [cell.strip().casefold() for cell in row.strip().strip(_ROW).split(_ROW)]


def find_fault(statement: str, question: str, quote: str, near: str, passage: str) -> Fault | None:
    """What is wrong with a statement whose words its quote holds; None if nothing is seen.

    `near` is what stands around the quote, with its headings: figures and names may stand there.
    """
    source = f"{near}\n{question}"
    if figure := missing_figure(statement, source):
        has_other = bool(figures_in(quote) - numbers_in(f"{statement}\n{question}"))
        return Fault("contradicted" if has_other else "unsupported", "figure", figure)
    if number := wrong_unit(statement, source):
        return Fault("contradicted", "unit", number)
    if name := missing_name(statement, source):
        return Fault("unsupported", "name", name)
    if turns_around(statement, quote, near):
        return Fault("contradicted", "negation")
    if label := other_row(statement, question, quote, passage):
        return Fault("contradicted", "row", label)
    return None
