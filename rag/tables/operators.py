"""The words of a question that say what to compute."""

from __future__ import annotations

import re

# In this order: of several that a question holds, the first decides.
_OPERATIONS = (
    ("trend", r"趋势|走势|变化情况|怎么变化|如何变化|\btrends?\b|develop(?:ed|s)? over|over time"),
    ("share", r"占比|比例|比重|百分之几|占[^，。？]{0,14}(?:多少|几成)|\bshare of\b|\bpercentage\b"
     r"|\bper ?cent of\b|\bproportion\b|\bwhat (?:share|percent)"),
    ("difference", r"相差|差额|差多少|之差|比[^，。？]{1,20}[多高少低]多少|\bdifference\b"
     r"|how (?:much|many) (?:more|less|fewer)\b"),
    ("median", r"中位数?|\bmedian\b"),
    ("average", r"平均|均值|\baverage\b|\bmean\b"),
)  # fmt: skip
_SUM = re.compile(
    r"合计|总计|总共|一共|共计|总和|总额|总量|总数|总的|总[^体部店经是的]|累计"
    r"|\btotals?\b|\bsum\b|altogether|in all\b|combined|add up"
)
_COUNT = re.compile(
    r"多少\s*[个家种条台次项张份笔名位行]|几\s*[个家种条台次项张份笔名位行]|有多少|数量是多少$"
    r"|\bhow many\b|\bnumber of\b|\bcount\b"
)
_LIST = re.compile(
    r"哪些|哪几|列出|列举|清单|\blist\b|\bwhich [a-z ]+s (?:are|have|were|had|do)\b|\bshow\b"
)
_MOST = re.compile(
    r"最[高大多长贵晚重远好]|\b(?:highest|largest|biggest|most|longest|maximum|max|latest|best"
    r"|greatest|heaviest|newest|top)\b"
)
_LEAST = re.compile(
    r"最[低小少短早轻近差]|最便宜|\b(?:lowest|smallest|least|fewest|shortest|minimum|min|earliest"
    r"|worst|cheapest|oldest|bottom)\b"
)
_EACH = re.compile(
    r"各[个自]?|每[个家种条台名位]|分别|按[^，。？]{1,12}(?:统计|汇总|分组)?|\beach\b|\bper\b|\bby\b|\bevery\b"
)
_WHICH = re.compile(r"哪[个家种条台名位一]?|谁|\bwhich\b|\bwhat\b|\bwho\b")
_SOLD = re.compile(
    r"\b(?:sold|sells?|spent|spends?|paid|bought|ordered|used|earned|produced|shipped|delivered)\b"
    r"|卖|售出|订购|购买|花费"
)
_SOLD_MOST = re.compile(
    r"\b(?:sold|sells?|spent|spends?|paid|bought|ordered|used|earned|produced)\b[^.?!]*"
    r"\b(?:most|least|fewest)\b|(?:卖|售出|订购|购买|花)[^，。？]{0,8}最[多少]"
)
_EXCEPT = re.compile(
    r"除|不[是在属包]|非|以外|\bexcept\b|\bother than\b|\bwithout\b|\bnot\b|\bexclud"
)


def named_operation(asked: str) -> str:
    """The operation that the question's words surely mean; "" where they leave it open."""
    for operation, pattern in _OPERATIONS:
        if re.search(pattern, asked):
            return operation
    return ""


def asks_sum(asked: str) -> bool:
    return bool(_SUM.search(asked))


def tells_of_sales(asked: str) -> bool:
    """Whether things are sold, spent or the like: "how many products were sold" counts pieces."""
    return bool(_SOLD.search(asked))


def asks_most_sold(asked: str) -> bool:
    """Whether what was sold, spent or the like is to be the most in all: "sold the most units"."""
    return bool(_SOLD_MOST.search(asked))


def asks_count(asked: str) -> bool:
    return bool(_COUNT.search(asked))


def asks_list(asked: str) -> bool:
    return bool(_LIST.search(asked))


def asks_each(asked: str) -> bool:
    return bool(_EACH.search(asked))


def asks_which(asked: str) -> bool:
    return bool(_WHICH.search(asked))


def excludes(asked: str) -> bool:
    """Whether the question leaves something out, so that what it names may be what it is not."""
    return bool(_EXCEPT.search(asked))


def extreme_order(asked: str) -> str:
    """`desc` for the highest, `asc` for the lowest, "" for neither or both."""
    most, least = bool(_MOST.search(asked)), bool(_LEAST.search(asked))
    return "" if most == least else "desc" if most else "asc"
