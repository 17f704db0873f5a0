"""What of a statement can be checked to the letter: figures, units, names, a row, a no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.months import MONTHS
from rag.names import is_unspaced, names_in
from rag.negation import turns_around
from rag.notation import other_readings
from rag.numbers import figures_in, numbers_in, plain_number, without_marks
from rag.quantities import Quantity, is_unit, quantities_in, same_value, wrong_sign, wrong_unit
from rag.sentences import BAR
from rag.written_dates import dates_in, without_dates

Verdict = Literal["supported", "unsupported", "contradicted"]

MIN_LABEL_CHARACTERS = 2  # of a cell that names a row
FULL_DATE = len("2024-03-05")
OF_CALENDAR = ("months", "time")  # 2024年 may be a date, and 5天 tells what 5日 is
_ONE_UNSAID = re.compile(
    r"每|[日月年]均|年度|\b(?:per|each|every|daily|weekly|monthly|yearly|annual(?:ly)?)\b"
    r"|\ban? (?:second|minute|hour|day|week|month|year|kilo\w*|lit\w+|met\w+|dollar|euro)\b",
    re.IGNORECASE,
)


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
    read = {plain_number(other) for other in other_readings(source).values()}
    dated = {str(int(part)) for one in dates_in(source) for part in one.split("-")}
    known = numbers_in(source) | read | dated
    counted = numbers_in(without_marks(source)) | read | dated
    undated = without_dates(source)
    measured = numbers_in(without_marks(undated)) | read
    stated, given = quantities_in(statement), quantities_in(source)
    given_apart = quantities_in(undated)
    figures = {one for one in stated if one.kind and _is_figure(one, given, source)}
    with_units = {plain_number(one.number) for one in figures}
    of_measures = {plain_number(one.number) for one in figures if one.kind not in OF_CALENDAR}
    equal = {
        plain_number(one.number)
        for one in stated
        for other in (given if one.kind in ("", *OF_CALENDAR) else given_apart)
        if same_value(one, other)
    }
    equal |= {
        plain_number(here)
        for here, there in other_readings(statement).items()
        if plain_number(there) in known
    }
    figures_left = (figures_in(statement) | with_units) - equal
    # "Step 5" may cite the line that 5. begins; five years may not, nor 10 kg the 10 October.
    missing = figures_left - known | (figures_left & with_units) - counted
    return min(missing | (figures_left & of_measures) - measured, default="")


def _is_figure(one: Quantity, given: Sequence[Quantity], source: str) -> bool:
    """Whether a quantity tells a figure: "one month" may be "a month", "一年" "每年"."""
    if plain_number(one.number) != "1":
        return True
    is_rate = _ONE_UNSAID.search(source) is not None
    return not is_rate and any(one.is_of_unit(other) for other in given)


def wrong_date(statement: str, source: str) -> str:
    """The first full date of a statement that is not among those of a source; "" if none.

    A day that stands apart from the source's dates may belong to one: 3 to 5 March 2024.
    """
    given = _full_dates(source)
    apart = numbers_in(without_dates(source)) if given else set()
    others = (one for one in _full_dates(statement) - given if given)
    return min((one for one in others if str(int(one[-2:])) not in apart), default="")


def _full_dates(text: str) -> set[str]:
    return {one for one in dates_in(text) if len(one) == FULL_DATE}


def missing_name(statement: str, source: str) -> str:
    """The first name of a statement that a source does not hold; "" if all stand there.

    A source in another script may write them otherwise, unless they stand in the midst of unspaced
    script, where they are taken over as they are.
    """
    if not is_unspaced(statement) and is_unspaced(source):
        return ""
    folded, numbers = source.casefold(), numbers_in(source)
    return min(
        (
            name
            for name in names_in(statement)
            if name not in folded
            and not (name.endswith("s") and name[:-1] in folded)  # Mondays, the Alps
            and str(MONTHS.get(name)) not in numbers  # 5. März for 5 March
            and not is_unit(name)  # those are checked with their figures
        ),
        default="",
    )


def other_row(statement: str, question: str, row: str, passage: str) -> str:
    """What names another row of the table in the statement, where its own row is not named.

    "" if the row is the right one, or cannot be told.
    """
    if not row.lstrip().startswith(BAR):
        return ""
    said = f"{statement}\n{question}".casefold()
    own = [cell for cell in _cells(row) if not cell[:1].isdigit()]  # 430元 names no row
    if any(_stands_in(cell, said) for cell in own if cell):
        return ""
    lines = passage.splitlines()
    others = (
        label
        for before, line in zip(["", *lines], lines, strict=False)
        if before.lstrip().startswith(BAR)  # else it is the table's head
        and line.lstrip().startswith(BAR)
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
    return [cell.strip().casefold() for cell in row.strip().strip(BAR).split(BAR)]


def find_fault(statement: str, question: str, quote: str, near: str, passage: str) -> Fault | None:
    """What is wrong with a statement whose words its quote holds; None if nothing is seen.

    `near` is what stands around the quote, with its headings: figures and names may stand there.
    """
    source = f"{near}\n{question}"
    if figure := missing_figure(statement, source):
        has_other = bool(figures_in(quote) - numbers_in(f"{statement}\n{question}"))
        return Fault("contradicted" if has_other else "unsupported", "figure", figure)
    if figure := wrong_sign(statement, source) or wrong_date(statement, source):
        return Fault("contradicted", "figure", figure)
    if number := wrong_unit(statement, source):
        return Fault("contradicted", "unit", number)
    if name := missing_name(statement, source):
        return Fault("unsupported", "name", name)
    if turns_around(statement, quote, near):
        return Fault("contradicted", "negation")
    if label := other_row(statement, question, quote, passage):
        return Fault("contradicted", "row", label)
    return None
