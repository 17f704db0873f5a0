"""Whether every word of a question is accounted for, so that rules may answer it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.tables.mentions import blanked, normalized, occurrences
from rag.tables.table import Table
from rag.tables.vocabulary import groups

# What a question may hold besides, without meaning more by it.
_FILLING = re.compile(
    r"请问|请你?|帮我|告诉我|我想知道|根据|上面|以上|这[张个]?|数据|表格?|一张|有|是|为|的|了|在|中|里|和|与|时|到"
    r"|多少|几|什么|哪一?[个家种条台名位些几一门]?|谁|各[个自]?|每[个家种条台名位]|分别|按|所有|全部|一共|总共|总计|合计|共计?"
    r"|总结|总[和额量数]?|平均值?|均值|中位数|最[高低大小多少长短]|趋势|走势|分析|描述|一下|如何|怎么样?|统计|列出|数值"
    r"|单位|元|占比|比例|百分之|占|[个家种条台次项张份笔名位行分]|物料|物品|吗|呢|记录|行|数"
    r"|\b(?:please|the|a|an|of|in|is|are|was|were|do|does|did|what|which|who|when|how|many|much|there"
    r"|for|with|and|to|by|at|on|from|over|across|each|per|every|all|whole|total|totals|sum|average"
    r"|mean|median|highest|lowest|largest|smallest|most|least|longest|shortest|earliest|latest"
    r"|took|take|takes|use|used|uses|paid|pay|adds? up|maximum|minimum|max|min|number|count|list"
    r"|show|give|me|have|has|had|trend|trends|summarize|summarise|describe|table|rows?|records?"
    r"|values?|altogether|combined|item|items|that|it)\b"
)
_HAN = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # written without spaces
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")
_SIGN = re.compile(f"[{_HAN}]")
_RUN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_ENDING = re.compile(r"(?:ing|ed|er|al|s|e)$")
_IRREGULAR = {"sold": "sell", "sale": "sell", "sales": "sell", "driven": "drive", "spent": "spend",
              "bought": "buy", "made": "make", "longer": "long"}  # fmt: skip
MIN_STEM = 3


def stem(word: str) -> str:
    """An English word without its ending: `orders`, `ordered` and `order` are one."""
    word = _IRREGULAR.get(word, word)
    while len(bare := _ENDING.sub("", word)) >= MIN_STEM and bare != word:
        word = bare
    return word[:-1] if len(word) > MIN_STEM and word[-1] == word[-2] else word


def is_filling(word: str) -> bool:
    """Whether a normalized word carries no meaning of its own in a question."""
    return bool(_FILLING.fullmatch(word))


def words_of(text: str) -> list[str]:
    """The words of a name or cell, without endings; single signs of Chinese and its like."""
    return [stem(word) for word in _WORD.findall(normalized(text).replace("_", " "))]


def left_over(
    asked: str,
    spans: Iterable[tuple[int, int]],
    table: Table,
    title: str = "",
    also_known: Sequence[str] = (),
) -> list[str]:
    """The words of a normalized question that nothing accounts for.

    Not the spans, which are understood; not what names the table, its columns and units, in either
    language, nor words of `also_known`; not words that carry no meaning of their own.
    """
    text = blanked(asked, spans)
    named = " ".join([table.name, title, *(c.name for c in table.columns), *also_known])
    for column in table.columns:
        if column.kind == "number" and len(column.unit) > 1:
            text = text.replace(normalized(column.unit), " ")
    names = normalized(named).replace("_", " ")
    text = _FILLING.sub(" ", _without_synonyms(text.replace("_", " "), names))
    return _unknown(text, set(words_of(named)))


def _without_synonyms(text: str, named: str) -> str:
    """The text without words of which the names hold the like."""
    for group in groups():
        asked = [word for word in group if word in text]
        if asked and any(next(occurrences(named, word), None) for word in group if word in named):
            for word in sorted(asked, key=len, reverse=True):
                for start, end in list(occurrences(text, word)):
                    text = text[:start] + " " * (end - start) + text[end:]
    return text


def _unknown(text: str, known: set[str]) -> list[str]:
    found: list[str] = []
    for run in _RUN.findall(text):
        if _SIGN.match(run):
            found += "".join(" " if sign in known else sign for sign in run).split()
        elif stem(run) not in known:
            found.append(run)
    return found
