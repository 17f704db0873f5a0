"""The page's own words, in English and Chinese."""

from __future__ import annotations

import re

_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff]")

WORDS = {
    "en": {
        "stopped": "Stopped.",
        "under_way": "This answer is still being written …",
        "cut_off": "This answer was cut off when the program ended.",
        "too_long": "The answer ends here because it reached its greatest length: ask for less at"
        " once, or have max_answer_tokens raised.",
        "not_kept": "This conversation cannot be kept: its disk is full or fails. See the log of"
        " the program that runs this page.",
        "failed": "Something went wrong while answering. The details are in the log of the program"
        " that runs this page.",
        "empty": "Please type a question.",
        "no_model": "none: answers are quoted",
        "sources": "Sources",
        "found": "Found",
        "closest": "Closest passages",
        "also_found": "Also found",
        "computed": "Computed from {used} of {total} rows of “{table}”",
    },
    "zh": {
        "stopped": "已停止。",
        "under_way": "这个回答还在撰写中……",
        "cut_off": "程序结束时，这个回答中断了。",
        "too_long": "回答已达到长度上限，到此为止：请缩小提问范围，"
        "或请管理员调高 max_answer_tokens。",
        "not_kept": "无法保存此对话：磁盘已满或出错。详情见运行本页的程序的日志。",
        "failed": "回答时出了问题。详情见运行本页的程序的日志。",
        "empty": "请输入问题。",
        "no_model": "无：直接引用原文作答",
        "sources": "来源",
        "found": "找到",
        "closest": "最接近的段落",
        "also_found": "还找到",
        "computed": "根据“{table}”{total} 行中的 {used} 行计算",
    },
}


def language_of(text: str) -> str:
    """`zh` if the text holds Chinese characters, else `en`."""
    return "zh" if _CHINESE.search(text) else "en"
