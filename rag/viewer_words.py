"""The viewer's own words, in English and Chinese."""

from __future__ import annotations

import re

from rag.file_kinds import KINDS
from rag.viewer_rows import ROWS

RECORD = re.compile(r"\$\[(\d+)\]")  # of the list that a file of JSON is
UNSOURCED_PATH = "/view/unsourced"  # what `[?]` leads to

WORDS = {
    "en": {
        "page": "Page {page} of {num_pages}",
        "label": "numbered {label}",
        "previous": "Previous page",
        "next": "Next page",
        "cited": "Cited page",
        "zoom": "Larger",
        "fit": "Fit to width",
        "original": "Open the original file",
        "all": "Show the whole text",
        "quote": "The cited text",
        "on_page": "Page {}",
        "on_slide": "Slide {}",
        "row": "Row {}",
        "record": "Record {}",
        "rows": "Rows {}",
        "doubtful": "The check found that this text does not bear the statement out."
        " Compare the two.",
        "changed": "The file has changed since it was indexed. The text below is the indexed one.",
        "gone": "The file is no longer there. This is the text as it was indexed.",
        "unreadable": "This page cannot be shown as a picture. This is its text as indexed.",
        "unmarked": "The cited text could not be marked on the page; here it is:",
        "missing_title": "Not in the index",
        "missing": "This document is not in the index: it was removed or has changed since the"
        " answer was written. Ask again to get a citation of what is there now.",
        "unsourced_title": "No source",
        "unsourced": "Nothing that was read for this answer bears the statement before this mark"
        " out. It may still be true, but not by these documents: check it before you rely on it.",
    },
    "zh": {
        "page": "第 {page} 页，共 {num_pages} 页",
        "label": "页码 {label}",
        "previous": "上一页",
        "next": "下一页",
        "cited": "回到引用页",
        "zoom": "放大",
        "fit": "适合宽度",
        "original": "打开原文件",
        "all": "显示全文",
        "quote": "引用的原文",
        "on_page": "第 {} 页",
        "on_slide": "第 {} 张幻灯片",
        "row": "第 {} 行",
        "record": "第 {} 条记录",
        "rows": "第 {} 行",
        "doubtful": "经核对，这段原文不支持该说法，请比对两者。",
        "changed": "文件在建立索引之后有改动。下面是建立索引时的文字。",
        "gone": "文件已不在原处。下面是建立索引时的文字。",
        "unreadable": "这一页无法以图片显示。下面是建立索引时的文字。",
        "unmarked": "未能在页面上标出引用的文字，原文如下：",
        "missing_title": "索引中没有这份文档",
        "missing": "索引中没有这份文档：它在回答写出之后被移除或改动过。"
        "请重新提问，以引用现有的内容。",
        "unsourced_title": "没有来源",
        "unsourced": "为这次回答读取的内容都不支持此标记之前的说法。"
        "它未必有误，但这些文档不能证明它；采信之前请核实。",
    },
}


def page_words(suffix: str, page: int | str, language: str) -> str:
    """`Page 3`, or `Slide 3` of slides; `suffix` is the file's, with its dot."""
    key = "on_slide" if suffix.lower() in KINDS["slides"] else "on_page"
    return WORDS[language][key].format(page)


def row_words(first: int, last: int, language: str) -> str:
    """`Row 3`, or `Rows 3–5`."""
    if first == last:
        return WORDS[language]["row"].format(first)
    return WORDS[language]["rows"].format(f"{first}–{last}")


def heading_words(headings: tuple[str, ...], title: str, language: str) -> str:
    """The heading path without the title that it may begin with; rows and records in words.

    A record's path counts from 0, as programs do; people begin with 1.
    """
    kept = headings[1:] if headings and headings[0].casefold() == title.casefold() else headings
    kept = tuple(heading for heading in kept if heading != "$")  # the root of JSON says nothing
    return " > ".join(_heading(heading, language) for heading in kept)


def _heading(heading: str, language: str) -> str:
    if span := ROWS.fullmatch(heading):
        return row_words(int(span[1]), int(span[2]), language)
    if record := RECORD.fullmatch(heading):
        return WORDS[language]["record"].format(int(record[1]) + 1)
    return heading
