"""Number columns that a question means without their full name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.tables.accounting import is_filling, stem, words_of
from rag.tables.mentions import Mention, normalized
from rag.tables.table import Table

_QUANTITY = re.compile(r"(?:^|[\s._])(?:quantity|qty|units|pieces|units sold)$|(?:数量|件数|台数)$")
_COUNTED = re.compile(r"\bhow many (?:of the )?$")
_PIECES = re.compile(r"多少\s*[件台只支瓶盒箱]")
_KINDS = re.compile(
    r"\bhow many (?:different |distinct )?$|(?:多少|几)\s*[个家种类条台名位]?\s*(?:不同的?)?$"
)
_KINDS_AFTER = re.compile(r"\s*(?:一共|总共|共)?有?(?:多少|几)[个家种类条台名位]")
_WORD = re.compile(r"[a-z]{2,}")


def counted_quantity(asked: str, mentions: list[Mention], table: Table) -> str:
    """The quantity column where what is counted is a value, as "how many stands": not rows.

    "" where the table has none, or several, or rows are what is counted.
    """
    columns = [
        column.name
        for column in table.columns
        if column.kind == "number" and _QUANTITY.search(normalized(column.name))
    ]
    if len(columns) != 1:
        return ""
    values = [mention for mention in mentions if mention.value]
    is_counted = any(_COUNTED.search(asked[: mention.start]) for mention in values)
    return columns[0] if is_counted or (values and _PIECES.search(asked)) else ""


def counted_column(asked: str, mentions: list[Mention], table: Table) -> str:
    """The text column of which the different values are counted, as "how many regions".

    "" where the question names another column too, or where each row has its own value: then
    rows may be counted.
    """
    named = [mention for mention in mentions if not mention.value]
    if len({mention.column for mention in named}) != 1:
        return ""
    column = table.column(named[0].column)
    filled = [value for value in column.values if value is not None]
    if column.kind != "text" or len(column.distinct) == len(filled):
        return ""
    is_counted = any(
        _KINDS.search(asked[: m.start]) or _KINDS_AFTER.match(asked[m.end :]) for m in named
    )
    return column.name if is_counted else ""


def loosely_named(
    asked: str, spans: Iterable[tuple[int, int]], table: Table, title: str = ""
) -> list[Mention]:
    """Where a word outside of the spans is of the name of a single number column.

    Not a word of the table's own name: in a table of sales, "sales region" names no units sold.
    """
    about = set(words_of(f"{table.name} {title}"))
    owners: dict[str, set[str]] = {}
    for column in table.columns:
        if column.kind == "number":
            for word in _WORD.findall(normalized(column.name).replace("_", " ")):
                if not is_filling(word) and stem(word) not in about:
                    owners.setdefault(stem(word), set()).add(column.name)
    taken = list(spans)
    found = []
    for word in _WORD.finditer(asked):
        columns = owners.get(stem(word[0]), set())
        if len(columns) == 1:
            mention = Mention(word.start(), word.end(), next(iter(columns)))
            if not mention.overlaps(taken):
                found.append(mention)
    return found
