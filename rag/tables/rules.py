"""Plans a question whose every word is understood, without the model.

Only where the question names the table's own columns and values and says what to do with them in
known words; as soon as anything is left over, the model is asked instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from rag.tables.cells import parse_number
from rag.tables.grounding import ground_plan
from rag.tables.mentions import Mention, find_mentions, normalized
from rag.tables.operators import (
    asks_count,
    asks_each,
    asks_list,
    asks_sum,
    asks_which,
    excludes,
    extreme_order,
    named_operation,
)
from rag.tables.plan import Filter, Plan, PlanError, check_plan, merged_filters
from rag.tables.table import Table

_SIGNS = (
    (">=", r"不少于|不低于|不小于|至少|大于等于|at least|no less than|>="),
    ("<=", r"不超过|不多于|不高于|不大于|至多|最多为|小于等于|at most|no more than|<="),
    (">", r"超过|大于|高于|多于|more than|greater than|higher than|above|over|exceed(?:s|ing)?|>"),
    ("<", r"低于|小于|少于|不足|不到|less than|fewer than|lower than|below|under|<"),
)
_NUMBER = r"[-]?\d[\d,]*(?:\.\d+)?%?"
_TOP = re.compile(r"前\s*(\d+|[一二三四五六七八九十两])\s*[个名家条位大]?|\btop (\d+|\w+)\b")
_ENGLISH_NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
)  # fmt: skip
_SMALL = {word: number for number, word in enumerate(_ENGLISH_NUMBERS, 1)} | {"两": 2}
_SMALL |= {word: number for number, word in enumerate("一二三四五六七八九十", 1)}
# What a question may hold besides, without meaning more by it.
_FILLING = re.compile(
    r"请问|请你?|帮我|告诉我|我想知道|根据|上面|以上|这[张个]?|数据|表格?|一张|有|是|为|的|了|在|中|里|和|与"
    r"|多少|几|什么|哪[个家种条台名位些几一]?|谁|各[个自]?|每[个家种条台名位]|分别|按|所有|全部|一共|总共|总计|合计|共计?"
    r"|总结|总[和额量数]?|平均值?|均值|中位数|最[高低大小多少长短]|趋势|走势|分析|描述|一下|如何|怎么样?|统计|列出|数值"
    r"|单位|万元|元|占比|比例|[个家种条台次项张份笔名位行]|吗|呢|记录|行|数"
    r"|\b(?:please|the|a|an|of|in|is|are|was|were|do|does|did|what|which|who|how|many|much|there|for|with|and|"
    r"to|by|each|per|every|all|total|totals|sum|average|mean|median|highest|lowest|largest|smallest|most|least|longest|shortest|earliest|latest|"
    r"maximum|minimum|max|min|number|count|list|show|give|me|have|has|had|trend|trends|summarize|summarise|"
    r"describe|table|rows?|records?|values?|altogether|combined|item|items|from|that|it)\b"
)
_WORD = re.compile(r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class _Compared:
    start: int
    end: int
    sign: str
    number: str


def plan_by_rules(question: str, table: Table, title: str = "") -> Plan | None:
    """The plan of a question of which every word is understood; None for any other."""
    asked = normalized(question)
    mentions = find_mentions(asked, table)
    compared = _comparisons(asked)
    if excludes(asked) or _left_over(asked, mentions, compared, table, title):
        return None
    where = _filters(mentions, compared, table)
    plan = None if where is None else _plan(asked, mentions, where, table)
    if plan is None:
        return None
    try:
        return check_plan(ground_plan(plan, question, table, title), table)
    except PlanError:
        return None


def _comparisons(asked: str) -> list[_Compared]:
    found: list[_Compared] = []
    for sign, words in _SIGNS:
        for match in re.finditer(rf"(?:{words})\s*({_NUMBER})", asked):
            if not any(one.start < match.end() and match.start() < one.end for one in found):
                found.append(_Compared(match.start(), match.end(), sign, match[1]))
    return found


def _filters(
    mentions: list[Mention], compared: list[_Compared], table: Table
) -> tuple[Filter, ...] | None:
    """The limits that the question states; None where it is not plain which columns they are of."""
    places = [(m.start, m.end) for m in mentions if m.value]
    if len(set(places)) < len(places):
        return None  # a value of two columns
    filters = [Filter(m.column, "=", (m.value,)) for m in mentions if m.value]
    numbers = [column.name for column in table.columns if column.kind == "number"]
    for one in compared:
        before = [m for m in mentions if not m.value and m.end <= one.start and m.column in numbers]
        value = parse_number(one.number)
        if value is None or not (before or len(numbers) == 1):
            return None
        name = before[-1].column if before else numbers[0]
        filters.append(Filter(name, one.sign, (Decimal(value[0]),)))
    return merged_filters(filters)


def _plan(
    asked: str, mentions: list[Mention], where: tuple[Filter, ...], table: Table
) -> Plan | None:
    kinds = {column.name: column.kind for column in table.columns}
    named = list(dict.fromkeys(m.column for m in mentions if not m.value))
    numbers = [name for name in named if kinds[name] == "number"]
    limited = {one.column for one in where}
    measures = [name for name in numbers if name not in limited] or numbers
    if not measures and list(kinds.values()).count("number") == 1:
        measures = [name for name, kind in kinds.items() if kind == "number"]
    groups = [name for name in named if kinds[name] != "number" and name not in limited]
    operation, order = named_operation(asked), extreme_order(asked)
    if operation in ("share", "difference", "trend") and not _has_series(
        operation, measures, table
    ):
        return None
    if asks_count(asked) and not numbers and not order:
        if _names_part(asked, [name for name, kind in kinds.items() if kind == "number"]):
            return None  # "how many units" may be a sum of what was sold
        group = groups[0] if groups and asks_each(asked) else ""
        return Plan("count", table.columns[0].name, where, group)
    if len(measures) != 1:
        return None
    (measure,) = measures
    if operation in ("average", "median") or (asks_sum(asked) and not operation):
        return _aggregate(operation or "sum", measure, where, groups, asked, order)
    if operation:
        return Plan(operation, measure, where) if operation == "trend" else None
    if top := _TOP.search(asked):
        number = top[1] or top[2]
        limit = _SMALL.get(number) or (int(number) if number.isdigit() else 0)
        return Plan("list", measure, where, "", "desc", limit) if limit else None
    if order and (asks_which(asked) or not groups) and len(groups) <= 1:
        return Plan("max" if order == "desc" else "min", measure, where)
    if asks_list(asked) and where and measure in limited:
        return Plan("list", measure, where)
    return None


def _names_part(asked: str, columns: list[str]) -> bool:
    """Whether the question holds a word of the columns' names."""
    words = {word for name in columns for word in _WORD.findall(normalized(name)) if len(word) > 2}
    return any(word.removesuffix("s") in asked for word in words)


def _aggregate(
    operation: str,
    measure: str,
    where: tuple[Filter, ...],
    groups: list[str],
    asked: str,
    order: str,
) -> Plan | None:
    if order:
        return Plan(operation, measure, where, groups[0], order, 1) if len(groups) == 1 else None
    if groups and not asks_each(asked):
        return None
    return Plan(operation, measure, where, groups[0] if groups else "")


def _has_series(operation: str, measures: list[str], table: Table) -> bool:
    """Whether the rows are a series by themselves: one number for each name, nothing to choose."""
    return operation == "trend" and len(measures) == 1 and len(table.columns) == 2


def _left_over(
    asked: str, mentions: list[Mention], compared: list[_Compared], table: Table, title: str
) -> bool:
    """Whether words are left that nothing accounts for."""
    kept = list(asked)
    for start, end in [(m.start, m.end) for m in mentions] + [(c.start, c.end) for c in compared]:
        kept[start:end] = " " * (end - start)
    text = "".join(kept)
    named = " ".join([table.name, title, *(column.name for column in table.columns)])
    known = {_stem(word) for word in _WORD.findall(normalized(named).replace("_", " "))}
    for column in table.columns:
        if column.kind == "number" and len(column.unit) > 1:
            text = text.replace(normalized(column.unit), " ")
    text = _TOP.sub(" ", text)
    left = _WORD.findall(_FILLING.sub(" ", text))
    return any(_stem(word) not in known for word in left)


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word
