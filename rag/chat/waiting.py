"""What is said while an answer has not begun."""

from __future__ import annotations

import re
import time

from rag.types import PackReport

READY = "ready"
PATIENCE_SECONDS = 2.0  # a shorter wait is not counted aloud

_WORDS = {
    "en": {
        "unready": "Please wait: {state} …",
        "searching": "Searching …",
        "reading": "Reading the sources …",
        "tokens": "The model reads {tokens:,} tokens …",
        "seconds": "{line} {seconds} s",
    },
    "zh": {
        "unready": "请稍候：{state}……",
        "searching": "正在搜索……",
        "reading": "正在阅读来源……",
        "tokens": "模型正在读取 {tokens:,} 个词元……",
        "seconds": "{line} {seconds} 秒",
    },
}
_STATES_ZH = (
    ("loading the language model", "正在加载语言模型"),
    ("loading the encoder", "正在加载编码器"),
    ("opening the index", "正在打开索引"),
    ("warming the language model up", "正在预热语言模型"),
    ("reading ", "正在读取："),
)


_PROGRESS = re.compile(r"(\d+) of (\d+) documents, ([\d,]+) passages encoded")
_PROGRESS_ZH = r"\2 个文档中的 \1 个，已编码 \3 个段落"


def progress_text(indexing: str, language: str) -> str:
    """How far the reading of documents is, as the page's reader understands it."""
    return _PROGRESS.sub(_PROGRESS_ZH, indexing) if language == "zh" else indexing


class WaitingLine:
    """The line for now: what is loading, else what is done, with the seconds once it takes long."""

    def __init__(self, language: str) -> None:
        self._words = _WORDS[language]
        self._language = language
        self._line = self._words["searching"]
        self._since = time.monotonic()
        self._state = READY

    @property
    def state(self) -> str:
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        """What the program as a whole is busy with."""
        if (state == READY) != (self._state == READY):
            self._since = time.monotonic()
        self._state = state

    @property
    def line(self) -> str:
        return self._line

    @line.setter
    def line(self, text: str) -> None:
        self._line, self._since = f"{text} …", time.monotonic()

    def reading(self, packing: PackReport | None) -> None:
        """The search is done, and the model reads what was packed."""
        words = self._words
        told = words["tokens"].format(tokens=packing.prompt_tokens) if packing else words["reading"]
        self._line, self._since = told, time.monotonic()

    def text(self, now: float) -> str:
        """What to show."""
        line = self._line
        if self._state != READY:
            state = _in_chinese(self._state) if self._language == "zh" else self._state
            line = self._words["unready"].format(state=state)
        seconds = now - self._since
        if seconds < PATIENCE_SECONDS:
            return line
        return self._words["seconds"].format(line=line, seconds=int(seconds))


def _in_chinese(state: str) -> str:
    """As far as it is known; the rest of a line is names and numbers."""
    parts = []
    for part in state.split("; "):
        for english, chinese in _STATES_ZH:
            if part.casefold().startswith(english):
                part = chinese + part[len(english) :]
                break
        parts.append(progress_text(part, "zh"))
    return "；".join(parts)
