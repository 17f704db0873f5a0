"""Questions about whole documents: to summarize one, to compare two, to list all there is.

Recognised by their openings, and only where the whole question is such a task: "Summarize the
handbook", "比较甲和乙", "List all suppliers". Whether a document is meant is found out later.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

TaskKind = Literal["summarize", "compare", "list"]


@dataclass(frozen=True, slots=True)
class Task:
    """`subjects` are what is summarized or listed (one) or compared (two), as the asker put it."""

    kind: TaskKind
    subjects: tuple[str, ...]


_POLITE = (
    r"(?:please[,\s]+|can you\s+|could you\s+|would you\s+|now\s+|ok(?:ay)?[,\s]+|i want you to\s+"
    r"|i need you to\s+|and\s+)*"
)
_HAN_POLITE = r"(?:请|帮我|帮忙|给我|麻烦你?|能不能|能否|可以|你|再|那|，|,)*"
_NOUN = (
    r"documents?|files?|pdfs?|manuals?|handbooks?|guides?|polic(?:y|ies)|reports?|contracts?"
    r"|books?|"
    r"papers?|articles?|presentations?|slides?|decks?|spreadsheets?|sheets?|minutes|brochures?"
    r"|rules|"
    r"regulations?|agreements?|texts?|pages?"
)
_HAN_NOUN = (
    r"文档|文件|文章|手册|制度|办法|合同|协议|报告|纪要|指南|规定|规范|资料|表格|幻灯片|演示文稿"
    r"|书|论文|条例|章程"
    r"|说明书|教材|PPT|PDF"
)
_POINTING = re.compile(
    rf"(?:this|that|the|it)(?:\s+(?:whole|entire|same|last|above))?(?:\s+(?:{_NOUN}))?"
    rf"|(?:这|那|该|此|上面的?|上述)(?:一?(?:份|个|篇|本|些|章|张))?(?:{_HAN_NOUN})?|(?:全文"
    rf"|本文|它)",
    re.IGNORECASE,
)
_HAS_NOUN = re.compile(rf"\b(?:{_NOUN})\b|{_HAN_NOUN}", re.IGNORECASE)
_KINDS: tuple[tuple[TaskKind, re.Pattern[str]], ...] = (
    ("compare", re.compile(
        rf"^{_POLITE}(?:compare|contrast)\s+(?P<a>.+?)\s+(?:and|with|to|against|vs\.?"
        rf"|versus)\s+(?P<b>.+)$"
        rf"|^{_POLITE}(?:what (?:is|are) the |explain the "
        rf"|list the )?differences? between\s+(?P<c>.+?)\s+and\s+(?P<d>.+)$"
        rf"|^how do(?:es)?\s+(?P<e>.+?)\s+differ from\s+(?P<f>.+)$"
        rf"|^{_HAN_POLITE}(?:比较|对比|对照)(?:一下|下)?(?P<g>.+?)(?:和|与|跟|同|以及|及"
        rf"|、)(?P<h>.+?)(?:的(?:区别|不同|差异|异同|内容))*$"
        r"|^(?P<i>.+?)(?:和|与|跟|同)(?P<j>.+?)(?:之间)?(?:有什么|有何|有哪些|的)(?:区别|不同"
        r"|差异|异同)(?:是什么|在哪里?|有哪些)?$",
        re.IGNORECASE)),
    ("list", re.compile(
        rf"^{_POLITE}(?:list|name|enumerate|show(?: me)?|give(?: me)?|tell me|find"
        rf"|extract)\s+(?:all|every|each)"
        r"(?: of)?(?:\s+(?:the|our|my|its))?\s+(?P<a>.+)$"
        rf"|^{_POLITE}(?:give me|show me|make)?\s*(?:a|the)?\s*(?:complete"
        rf"|full)\s+list of(?:\s+(?:all|the|our))*\s+(?P<b>.+)$"
        r"|^what are all(?:\s+(?:of|the|our))*\s+(?P<c>.+)$"
        rf"|^{_HAN_POLITE}(?:列出|列举出?|罗列出?|找出|给出|写出)(?:来)?(?:所有|全部|一切|每个"
        rf"|每一个|各个?)的?(?P<d>.+)$"
        rf"|^{_HAN_POLITE}把?(?:所有|全部)的?(?P<e>.+?)(?:都?列出来|都?有哪些|都?是哪些|都?有谁"
        rf"|的?清单|的?名单|都?列一下)$",
        re.IGNORECASE)),
    ("summarize", re.compile(
        rf"^{_POLITE}(?:summari[sz]e|sum up|outline|recap)(?: for me)?\s+(?P<a>.+)$"
        rf"|^{_POLITE}(?:give|write|make|show|provide)?(?: me| us)?\s*(?:a|an|the)?\s*(?:short "
        rf"|brief |quick |concise )*"
        r"(?:summary|overview|outline|abstract) of\s+(?P<b>.+)$"
        r"|^what (?:is|are) the (?:main|key|most important) (?:points?|ideas?|contents?|topics?"
        r"|takeaways?)\s+(?:of|in)\s+(?P<c>.+)$"
        r"|^what(?:'s| is| does)\s+(?P<d>.+?)\s+(?:about|say in short|say in brief)$"
        rf"|^{_HAN_POLITE}(?:简要|简单|大致|扼要|用几句话)?地?(?:总结|概括|概述|归纳|小结"
        rf"|综述)(?:一下|下)?(?P<e>.+?)(?:的?(?:主要|全部)?(?:内容|要点|重点))?$"
        r"|^(?P<f>.+?)的?(?:主要内容|核心内容|要点|大意|摘要|概要|主旨)(?:是什么|有哪些|是啥)?$"
        r"|^(?P<g>.+?)(?:主要)?(?:讲了?|说了?|写了?)(?:些)?什么(?:内容)?$",
        re.IGNORECASE)),
)  # fmt: skip


def find_task(question: str) -> Task | None:
    """The task that a question is; None if it is none of these."""
    text = " ".join(unicodedata.normalize("NFKC", question).split()).strip(" .?!。！？…")
    if any(sign in text for sign in ".?!。！？\n") and len(text) > 200:
        return None  # a text was pasted
    for kind, pattern in _KINDS:
        if found := pattern.match(text):
            subjects = [part.strip(" ,，\"'“”《》「」") for part in found.groups() if part]
            return Task(kind, tuple(subjects))
    return None


def is_pointing(subject: str) -> bool:
    """Whether it says no more than "this document"."""
    return _POINTING.fullmatch(subject.strip()) is not None


def has_document_noun(subject: str) -> bool:
    """Whether it calls what it means a document, a manual, a 制度."""
    return _HAS_NOUN.search(subject) is not None
