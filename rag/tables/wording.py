"""The words of a computed answer, in English and Chinese; other languages get English."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rag.tables.compute import Computed
from rag.tables.numerals import MEAN_PLACES, format_number, percent, with_unit
from rag.tables.plan import Filter, Plan
from rag.tables.table import Column, Table, Value
from rag.tables.trend import trend_sentence

MAX_INLINE = 8  # values that stand in one line
MAX_ROWS = 50  # of a table in an answer

WORDS = {
    "en": {
        "sum": "The total of {column}{where} is {value}",
        "average": "The average of {column}{where} is {value}",
        "median": "The median of {column}{where} is {value}",
        "min": "The lowest {column}{where} is {value}: {names}",
        "max": "The highest {column}{where} is {value}: {names}",
        "count": "{value} {rows} in “{table}”{where}",
        "count distinct": "{value} different values of {column}{where}",
        "value": "{column} is {value}{where}",
        "share": "{part} of {whole} ({column}){where}: {value}",
        "share of rows": "{part} of {whole} {rows} in “{table}”{where}: {value}",
        "difference": "{column} is {first} for {a} and {second} for {b}: a difference of {value}",
        "list": "{count} {rows} in “{table}”{where}",
        "groups": "{measure} by {group}{where}", "in_all": "; in all {value}",
        "top": "{measure}{where} is {rank} for {name}: {value}",
        "highest": "highest", "lowest": "lowest",
        "m_sum": "Total {column}", "m_average": "Average {column}", "m_median": "Median {column}",
        "m_min": "Lowest {column}", "m_max": "Highest {column}", "m_count": "Number of {rows}",
        "m_share": "Share of {column}",
        "where": " where {conditions}", "and": " and ", "or": " or ", "is": "{column} is {value}",
        "compare": "{column} {sign} {value}", "row": "rows", "record": "records",
        "based": " ({used} of {total} {rows})", "end": ".", "comma": ", ", "semi": "; ",
        "more": "… and {count} more", "empty": "none",
        "no_rows": "Nothing could be computed: no row of “{table}” has {conditions}.",
        "failed": "This could not be computed from “{table}”: {reason}",
        "uncomputed": "What follows is not computed.",
        "too_hard": "the question could not be turned into a calculation over its columns.",
        "unread": "{count} cells of {column} hold no number and were left out.",
        "question": "the table in your question",
    },
    "zh": {
        "sum": "{where}{column}的合计为 {value}",
        "average": "{where}{column}的平均值为 {value}",
        "median": "{where}{column}的中位数为 {value}",
        "min": "{where}{column}最低为 {value}：{names}",
        "max": "{where}{column}最高为 {value}：{names}",
        "count": "“{table}”中{where}共有 {value} {rows}",
        "count distinct": "{where}{column}共有 {value} 个不同的值",
        "value": "{where}{column}为 {value}",
        "share": "{where}{column}为 {part}，全部为 {whole}，占 {value}",
        "share of rows": "“{table}”的 {whole} {rows}中，{where}有 {part} {rows}，占 {value}",
        "difference": "{a}的{column}为 {first}，{b}为 {second}，相差 {value}",
        "list": "“{table}”中{where}共有 {count} {rows}",
        "groups": "{where}按{group}的{measure}", "in_all": "，全部合计 {value}",
        "top": "{where}{measure}{rank}的是{name}：{value}",
        "highest": "最高", "lowest": "最低",
        "m_sum": "{column}合计", "m_average": "{column}平均值", "m_median": "{column}中位数",
        "m_min": "{column}最低值", "m_max": "{column}最高值", "m_count": "数量",
        "m_share": "{column}占比",
        "where": "{conditions}的", "and": "且", "or": "或", "is": "{column}为{value}",
        "compare": "{column} {sign} {value}", "row": "行", "record": "条记录",
        "based": "（{total} {rows}中的 {used} {rows}）", "end": "。", "comma": "、", "semi": "；",
        "more": "……另有 {count} 项", "empty": "无",
        "no_rows": "无法计算：“{table}”中没有满足“{conditions}”的行。",
        "failed": "无法根据“{table}”计算：{reason}",
        "uncomputed": "以下内容未经计算。",
        "too_hard": "这个问题无法转成对其各列的计算。",
        "unread": "{column}中有 {count} 个单元格不是数字，未计入。",
        "question": "您问题中的表格",
    },
}  # fmt: skip
ONE = {"rows": "row", "records": "record"}


def words_for(language: str) -> dict[str, str]:
    return WORDS["zh" if language == "zh" else "en"]


def word_answer(computed: Computed, language: str) -> tuple[str, str]:
    """The sentence that is cited, and what follows it: a table, or what was left out."""
    words, plan = words_for(language), computed.plan
    if plan.operation == "trend":
        sentence, body = trend_sentence(computed, language), ""
    elif plan.operation == "difference":
        sentence, body = _difference(computed, words), ""
    elif plan.group_by and plan.operation != "list":
        sentence, body = _groups(computed, words)
    elif plan.operation == "list":
        sentence, body = _list(computed, words)
    else:
        sentence, body = _single(computed, words), ""
    column = computed.table.column(plan.column)
    if column.unread and plan.operation not in ("list", "count"):
        left = words["unread"].format(count=column.unread, column=column.name)
        body = f"{body}\n\n{left}" if body else left
    return sentence, body


def conditions(filters: Sequence[Filter], table: Table, words: dict[str, str]) -> str:
    """What a plan's filters say: `Region is Nordics and Units sold > 20`."""
    return words["and"].join(_condition(one, table.column(one.column), words) for one in filters)


def _condition(one: Filter, column: Column, words: dict[str, str]) -> str:
    shown = [_value(value, column) for value in one.values[:MAX_INLINE]]
    value = one.other or words["or"].join(shown)
    if len(one.values) > MAX_INLINE:
        value += " …"
    if one.sign == "=":
        return words["is"].format(column=one.column, value=value)
    sign = {"!=": "≠", "<=": "≤", ">=": "≥"}.get(one.sign, one.sign)
    return words["compare"].format(column=one.column, sign=sign, value=value)


def _where(plan: Plan, table: Table, words: dict[str, str]) -> str:
    if not plan.where:
        return ""
    return words["where"].format(conditions=conditions(plan.where, table, words))


def _value(value: Value, column: Column, places: int | None = None) -> str:
    if isinstance(value, Decimal):
        return with_unit(format_number(value, places), column.unit)
    return "" if value is None else str(value)


def _rows_word(count: int, table: Table, words: dict[str, str]) -> str:
    word = words[table.kind]
    return ONE.get(word, word) if count == 1 else word


def _places(plan: Plan, column: Column) -> int | None:
    return column.decimals + MEAN_PLACES if plan.operation in ("average", "median") else None


def _single(computed: Computed, words: dict[str, str]) -> str:
    plan, table = computed.plan, computed.table
    column = table.column(plan.column)
    row = computed.result.rows[0] if computed.result.rows else ()
    fields = {"column": column.name, "where": _where(plan, table, words), "table": table.name}
    if plan.operation in ("count", "count distinct"):
        (count,) = row
        fields["rows"] = _rows_word(int(str(count)), table, words)
        counted = format_number(Decimal(str(count)))
        return words[plan.operation].format(value=counted, **fields) + words["end"]
    if plan.operation in ("min", "max"):
        names, value = _extremes(computed, column, words)
        return words[plan.operation].format(value=value, names=names, **fields) + words["end"]
    if plan.operation == "share":
        part, whole = (_value(v, column) if column.kind == "number" else str(v) for v in row)
        share = percent(Decimal(str(row[0] or 0)), Decimal(str(row[1] or 1)))
        kind = "share" if column.kind == "number" else "share of rows"
        fields["rows"] = words[table.kind]
        return words[kind].format(part=part, whole=whole, value=share, **fields) + words["end"]
    value = _value(row[0], column, _places(plan, column)) or words["empty"]
    if plan.operation == "value":
        return words["value"].format(value=value, **fields) + words["end"]
    based = words["based"].format(
        used=len(computed.used), total=len(table.rows), rows=words[table.kind]
    )
    return words[plan.operation].format(value=value, **fields) + based + words["end"]


def _extremes(computed: Computed, column: Column, words: dict[str, str]) -> tuple[str, str]:
    """The rows that hold the extreme, by their other cells, and its value."""
    names = computed.result.columns
    at = names.index(column.name)
    labels = [
        " · ".join(
            _value(v, computed.table.column(n))
            for n, v in zip(names, row, strict=True)
            if n != column.name and v is not None
        )
        for row in computed.result.rows[:MAX_INLINE]
    ]
    value = _value(computed.result.rows[0][at], column) if computed.result.rows else ""
    return words["semi"].join(labels), value


def _difference(computed: Computed, words: dict[str, str]) -> str:
    column = computed.table.column(computed.plan.column)
    (a, first), (b, second) = computed.result.rows[:2]
    assert isinstance(first, Decimal) and isinstance(second, Decimal)
    gap = _value(abs(first - second), column)
    sentence = words["difference"].format(
        column=column.name, a=a, b=b, value=gap,
        first=_value(first, column), second=_value(second, column),
    )  # fmt: skip
    return sentence + words["end"]


def _groups(computed: Computed, words: dict[str, str]) -> tuple[str, str]:
    plan, table = computed.plan, computed.table
    column = table.column(plan.column)
    measure = words[f"m_{plan.operation}"].format(column=column.name, rows=words[table.kind])
    shown = [_group_row(row, plan, column) for row in computed.result.rows]
    where = _where(plan, table, words)
    if plan.limit == 1 and len(shown) == 1:
        rank = words["highest" if plan.order == "desc" else "lowest"]
        (name, value) = shown[0]
        top = words["top"].format(measure=measure, where=where, rank=rank, name=name, value=value)
        return top + words["end"], ""
    lead = words["groups"].format(measure=measure, group=plan.group_by, where=where)
    lead += _in_all(computed, column, words)
    return lead + words["end"], markdown_table([plan.group_by, measure], shown, words)


def _in_all(computed: Computed, column: Column, words: dict[str, str]) -> str:
    """What all the groups make together, where that is a sum and all of them are shown."""
    plan, rows = computed.plan, computed.result.rows
    numbers = [row[1] for row in rows if isinstance(row[1], Decimal)]
    if plan.operation not in ("sum", "count") or plan.limit or len(numbers) < 2:
        return ""
    total = sum(numbers, Decimal(0))
    shown = format_number(total) if plan.operation == "count" else _value(total, column)
    return words["in_all"].format(value=shown)


def _group_row(row: Sequence[Value], plan: Plan, column: Column) -> list[str]:
    name, value = str(row[0] if row[0] is not None else "—"), row[1]
    if plan.operation == "share":
        return [name, percent(Decimal(str(row[1] or 0)), Decimal(str(row[2] or 1)))]
    if plan.operation == "count":
        return [name, str(value)]
    return [name, _value(value, column, _places(plan, column))]


def _list(computed: Computed, words: dict[str, str]) -> tuple[str, str]:
    plan, table, result = computed.plan, computed.table, computed.result
    columns = [table.column(name) for name in result.columns]
    shown = [[_value(v, c) for v, c in zip(row, columns, strict=True)] for row in result.rows]
    sentence = words["list"].format(
        table=table.name, where=_where(plan, table, words), count=len(shown),
        rows=_rows_word(len(shown), table, words),
    )  # fmt: skip
    return sentence + words["end"], markdown_table(result.columns, shown, words)


def markdown_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], words: dict[str, str]
) -> str:
    """A Markdown table of at most MAX_ROWS rows; how many more there are is said."""
    lines = [_line(columns), "|" + " --- |" * len(columns), *map(_line, rows[:MAX_ROWS])]
    if len(rows) > MAX_ROWS:
        lines += ["", words["more"].format(count=len(rows) - MAX_ROWS)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"
