"""Tables that stand in a question itself: between bars, as CSV or TSV, or as a run of pairs."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from rag.tables.cells import make_column, parse_number
from rag.tables.extract import extract_tables, make_table
from rag.tables.table import Row, Table

MIN_PAIRS = 3
MIN_LINES = 3  # of separated values, the header among them

_PARTS = re.compile(r"[，、;；\n。！？!?“”\"|(（]|,(?!\d{3}(?!\d))|\.(?=\s|$)")
_TIME = (
    r"(?:\d{2,4}\s*年)?\s*(?:\d{1,2}|[一二三四五六七八九十]+)\s*(?:月|日|季度|周|号)"
    r"|\d{4}\s*年?|第?[一二三四1-4]季度|Q[1-4]"
)
_NUMBER = r"[-\u2212]?[$€£¥]?\s*\d[\d,]*(?:\.\d+)?"
_UNIT = r"[^\W\d_][^\s\d]{0,7}|%"
_PAIR = re.compile(
    rf"(?:.*[\s:：])?(?P<label>{_TIME}|[^\s:：=\d][^\s:：=]{{0,19}})"
    rf"(?:\s*[:：=是为]\s*|\s+)(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})?(?P<rest>\s.*)?",
    re.IGNORECASE,
)
_TIGHT = re.compile(
    rf".*?(?P<label>{_TIME})(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})?(?P<rest>\s.*)?"
)
_COMMON_UNIT = re.compile(
    r"单位\s*[:：为是]?\s*(?P<zh>[^\s，,。;；）)“”\"]{1,10})"
    r"|\b(?:units?|figures?|values?)\s*(?:are|is|:|in)*\s*(?:in\s+)?(?P<unit>(?:million|thousand|billion)?\s*[^\W\d]{1,12}|%)"
    r"|\(\s*(?:in\s+)?(?P<in>(?:million|thousand|billion)?\s*[^\W\d]{1,12}|%)\s*\)"
    r"|\bin\s+(?P<plain>(?:million|thousand|billion)s?(?:\s+[A-Za-z]{2,8})?|EUR|USD|CNY|RMB|GBP|kg|tons?)\b",
    re.IGNORECASE,
)


def pasted_table(question: str) -> Table | None:
    """The table that the question holds, its spans being those of the question; else None."""
    return _barred(question) or _separated(question) or _pairs(question)


def beside_table(question: str) -> str:
    """What a question says besides the numbers of its table."""
    parts = (question[start:end].strip() for start, end in _spans(question))
    return " ".join(part for part in parts if part and not any(map(str.isdigit, part)))


def _barred(question: str) -> Table | None:
    lines = [re.sub(r"\s*\|\s*", " | ", line.strip()).strip() for line in question.split("\n")]
    found = extract_tables("\n".join(lines), "")
    if not found:
        return None
    return _without_spans(found[0])


def _separated(question: str) -> Table | None:
    """Lines of equally many values between tabs, semicolons or commas."""
    for separator in "\t;,":
        best: list[list[str]] = []
        run: list[list[str]] = []
        for line in [*question.splitlines(), ""]:
            cells = next(csv.reader([line], delimiter=separator), [])
            if len(cells) > 1 and (not run or len(cells) == len(run[0])):
                run.append([cell.strip() for cell in cells])
                continue
            best, run = max(best, run, key=len), []
        if len(best) >= MIN_LINES:
            rows = [Row(0, 0, tuple(cells), n) for n, cells in enumerate(best)]
            return make_table("", rows, " | ".join(best[0]))
    return None


def _pairs(question: str) -> Table | None:
    """`1月 120, 2月 135, 3月 160, 单位万元`: the longest run of labels with a number each."""
    runs: list[list[tuple[str, str, int, int]]] = [[]]
    for start, end in _spans(question):
        part = unicodedata.normalize("NFKC", question[start:end])
        found = _PAIR.fullmatch(part.strip()) or _TIGHT.fullmatch(part.strip())
        is_last = len(runs[-1]) >= MIN_PAIRS - 1  # other words may follow the last pair
        if found and parse_number(found["number"]) and (is_last or not found["rest"]):
            value = f"{found['number']} {found['unit'] or ''}".strip()
            runs[-1].append((found["label"].strip(), value, start, end))
        elif part.strip():
            runs.append([])
    run = max(runs, key=len)
    if len(run) < MIN_PAIRS or len({label for label, *_ in run}) < len(run):
        return None
    chinese = bool(re.search("[\u3400-\u9fff]", question))
    numbers = make_column("数值" if chinese else "value", [value for _, value, *_ in run])
    if numbers.kind != "number":
        return None
    unit = numbers.unit or _common_unit(question)
    labels = make_column("项目" if chinese else "item", [label for label, *_ in run])
    texts = replace(labels, kind="text", values=tuple(label for label, *_ in run), unit="")
    rows = [Row(s, e, (label, cell), n) for n, (label, cell, s, e) in enumerate(run, 1)]
    return Table("", (texts, replace(numbers, unit=unit)), tuple(rows))


def _spans(question: str) -> Sequence[tuple[int, int]]:
    """The parts of the question between commas and the like."""
    spans, start = [], 0
    for found in _PARTS.finditer(question):
        spans.append((start, found.start()))
        start = found.end()
    return [*spans, (start, len(question))]


def _common_unit(question: str) -> str:
    found = _COMMON_UNIT.search(question)
    return next((group.strip() for group in found.groups() if group), "") if found else ""


def _without_spans(table: Table) -> Table:
    """Lines were respaced, so their places in the question are not known."""
    return replace(table, rows=tuple(replace(row, start=0, end=0) for row in table.rows))
