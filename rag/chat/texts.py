"""The page's own words, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rag.errors import FootnoteError
from rag.types import StoredDocument

_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff]")

WORDS = {
    "en": {
        "reading": "Reading the sources …",
        "stopped": "Stopped.",
        "cut_off": "This answer was cut off when the program ended.",
        "not_kept": "This conversation cannot be kept: its disk is full or fails. See the log of"
        " the program that runs this page.",
        "failed": "Something went wrong while answering. The details are in the log of the program"
        " that runs this page.",
        "empty": "Please type a question.",
        "unready": "Please wait:",
        "sources": "Sources",
        "found": "Found",
        "closest": "Closest passages",
        "also_found": "Also found",
        "page": "p. {page}",
        "computed": "Computed from {used} of {total} rows of “{table}”",
    },
    "zh": {
        "reading": "正在阅读来源……",
        "stopped": "已停止。",
        "cut_off": "程序结束时，这个回答中断了。",
        "not_kept": "无法保存此对话：磁盘已满或出错。详情见运行本页的程序的日志。",
        "failed": "回答时出了问题。详情见运行本页的程序的日志。",
        "empty": "请输入问题。",
        "unready": "请稍候：",
        "sources": "来源",
        "found": "找到",
        "closest": "最接近的段落",
        "also_found": "还找到",
        "page": "第 {page} 页",
        "computed": "根据“{table}”{total} 行中的 {used} 行计算",
    },
}

# (label, question); the last of each language shows that the other one works too.
SAMPLE_NAMES = frozenset({"x200-user-manual.pdf", "差旅报销制度.md", "employee-handbook.docx"})
SAMPLE_STARTERS = {
    "en": (
        ("What does fault code E12 mean?", "What does fault code E12 on the X200 control panel"
         " mean and how long should the instrument stay switched off?"),
        ("Annual leave in Bristol", "How many days of annual leave does a full-time employee in"
         " Bristol get before any extra for long service?"),
        ("Guarantee under the Ningbo contract", "For how many months does the quality guarantee"
         " run under the aluminium stand purchase contract with Ningbo Lifeng?"),
        ("国内出差的餐饮补助", "苏州总部员工国内出差每天的餐饮补助是多少？"),
    ),
    "zh": (
        ("国内出差的餐饮补助", "苏州总部员工国内出差每天的餐饮补助是多少？"),
        ("F30 固定螺钉的拧紧力矩", "更换F30光源组件时，固定螺钉的拧紧力矩是多少？"),
        ("布里斯托员工的学习预算", "布里斯托员工每年的学习预算是多少英镑？"),
        ("What does fault code E12 mean?", "What does fault code E12 on the X200 control panel"
         " mean and how long should the instrument stay switched off?"),
    ),
}  # fmt: skip
GENERIC_STARTERS = {
    "en": (
        ("What are these documents about?", "What are these documents about?"),
        ("Deadlines", "Which dates and deadlines do the documents name?"),
        ("Amounts", "Which prices, amounts or limits do the documents set?"),
        ("文档的主要内容", "这些文档的主要内容是什么？"),
    ),
    "zh": (
        ("文档的主要内容", "这些文档的主要内容是什么？"),
        ("日期和期限", "文档中规定了哪些日期和期限？"),
        ("金额和限额", "文档中有哪些价格、金额或限额？"),
        ("What are these documents about?", "What are these documents about?"),
    ),
}


@dataclass(frozen=True, slots=True)
class StarterQuestion:
    """A question that the empty page offers."""

    label: str
    question: str


def language_of(text: str) -> str:
    """`zh` if the text holds Chinese characters, else `en`."""
    return "zh" if _CHINESE.search(text) else "en"


def starters(documents: Sequence[StoredDocument], language: str | None) -> list[StarterQuestion]:
    """Four questions that fit what is indexed; general ones while nothing is."""
    names = {PurePath(document.path).name for document in documents}
    sets = SAMPLE_STARTERS if names >= SAMPLE_NAMES else GENERIC_STARTERS
    chosen = sets["zh" if (language or "").lower().startswith("zh") else "en"]
    return [StarterQuestion(*starter) for starter in chosen]


def error_text(error: BaseException, language: str) -> str:
    """What may be shown of an error: our own messages are made for it, others are not."""
    return str(error) if isinstance(error, FootnoteError) else WORDS[language]["failed"]
