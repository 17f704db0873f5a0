"""How an answer came about, as the page's custom element takes it: one line, and what is behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rag.narrowing import chips
from rag.types import Answer, Found, LeftOut, PackReport, Passage
from rag.viewer_words import heading_words
from rag.where import Where

MAX_LEFT_OUT = 5  # passages that are named; of the rest the number is told
_STEPS = ("filter", "respell", "encode", "dense", "lexical", "catalog", "literals", "rerank")

_FOUND = {
    "en": ("{count} passage found in {ms} ms", "{count} passages found in {ms} ms"),
    "zh": ("找到 {count} 个段落，用时 {ms} 毫秒",) * 2,
}
_WORDS = {
    "en": {
        "read": "{tokens:,} tokens read",
        "wrote": "{tokens:,} written",
        "seconds": "{seconds} s",
        "label": "How this answer came about",
        "query": "Searched for",
        "how": "How",
        "hybrid": "by meaning and by words",
        "dense": "by meaning",
        "lexical": "by words",
        "where": "Only in",
        "cached": "from the cache",
        "time": "Search time",
        "total": "{ms} ms",
        "prompt": "Prompt",
        "budget": "{used:,} of {budget:,} tokens; passages {passages:,} of {room:,}",
        "sources": "Read",
        "source": "[{number}] {title} ({tokens:,} tokens{scope})",
        "left_out": "Not read",
        "more": "and {count} more",
        "turns": "Earlier questions",
        "kept": "{kept} read",
        "dropped": "{dropped} left out",
        "model": "Model",
        "speed": "{first} s to the first word, {total} s in all, {tokens:,} tokens written",
        "colon": ": ",
        "comma": ", ",
        "detail": " ({detail})",
    },
    "zh": {
        "read": "读取 {tokens:,} 个词元",
        "wrote": "写出 {tokens:,} 个",
        "seconds": "{seconds} 秒",
        "label": "回答的由来",
        "query": "搜索内容",
        "how": "检索方式",
        "hybrid": "语义和关键词",
        "dense": "语义",
        "lexical": "关键词",
        "where": "仅限",
        "cached": "来自缓存",
        "time": "检索用时",
        "total": "{ms} 毫秒",
        "prompt": "提示",
        "budget": "{budget:,} 个词元中的 {used:,} 个；段落占 {room:,} 个中的 {passages:,} 个",
        "sources": "已读取",
        "source": "[{number}] {title}（{tokens:,} 个词元{scope}）",
        "left_out": "未读取",
        "more": "另有 {count} 个",
        "turns": "之前的提问",
        "kept": "读取 {kept} 个",
        "dropped": "略去 {dropped} 个",
        "model": "模型",
        "speed": "{first} 秒后出现第一个字，共 {total} 秒，写出 {tokens:,} 个词元",
        "colon": "：",
        "comma": "，",
        "detail": "（{detail}）",
    },
}
_STEP_NAMES = {
    "en": {
        "filter": "filter", "respell": "spelling", "encode": "encoding", "dense": "meaning",
        "lexical": "words", "catalog": "ordering", "literals": "exact matches",
        "rerank": "reranking",
    },
    "zh": {
        "filter": "过滤", "respell": "拼写", "encode": "编码", "dense": "语义", "lexical": "关键词",
        "catalog": "排序", "literals": "精确匹配", "rerank": "重排",
    },
}  # fmt: skip
_SCOPE_NAMES = {
    "en": {"neighbours": "with what stands next to it", "section": "its section",
           "document": "its document", "folder": "its folder"},
    "zh": {"neighbours": "含相邻内容", "section": "整节", "document": "整个文档",
           "folder": "整个文件夹"},
}  # fmt: skip
_REASON = re.compile(r"it takes (?P<needed>\d+) tokens where (?P<room>\d+) are left")
_REASONS_ZH = ("需要 {needed} 个词元，只剩 {room} 个", "没有足够空间")


def trace_props(
    found: Found,
    passages: Sequence[Passage],
    language: str,
    packing: PackReport | None = None,
    answer: Answer | None = None,
) -> dict[str, Any]:
    """`summary` is one line; `rows` are a name with its lines each."""
    words = _WORDS[language]
    rows = [*_searched(found, language), *_packed(packing, passages, language)]
    if answer is not None:
        rows += _written(answer, language)
    return {
        "label": words["label"],
        "summary": _summary(found, language, packing, answer),
        "rows": [{"name": name, "lines": lines} for name, lines in rows if any(lines)],
    }


def found_line(found: Found, language: str) -> str:
    """How many were found, in what time."""
    forms = _FOUND[language]
    count = len(found.hits)
    return forms[count != 1].format(count=count, ms=_ms(found.timings_ms.get("total", 0.0)))


def mode_line(found: Found, language: str) -> str:
    """How it was searched in the end."""
    return _WORDS[language][found.mode]


def _summary(found: Found, language: str, packing: PackReport | None, answer: Answer | None) -> str:
    words = _WORDS[language]
    parts = [found_line(found, language)] if found.timings_ms else []
    if packing:
        tokens = answer.prompt_tokens if answer and answer.prompt_tokens else packing.prompt_tokens
        parts.append(words["read"].format(tokens=tokens))
    if answer:
        if answer.completion_tokens:
            parts.append(words["wrote"].format(tokens=answer.completion_tokens))
        if "total" in answer.timings_ms:
            parts.append(words["seconds"].format(seconds=_seconds(answer.timings_ms["total"])))
        parts.append(answer.model)
        parts += [words["cached"]] if answer.cached else []
    return " · ".join(parts)


def _searched(found: Found, language: str) -> list[tuple[str, list[str]]]:
    words = _WORDS[language]
    names = _STEP_NAMES[language]
    spent = found.timings_ms
    parts = [f"{names[step]} {_ms(spent[step])}" for step in _STEPS if spent.get(step, 0) >= 0.5]
    total = words["total"].format(ms=_ms(spent["total"])) if "total" in spent else ""
    detail = words["comma"].join(parts)
    return [
        (words["query"], [found.query]),
        (words["how"], [words[found.mode]] if spent else []),
        (words["where"], [_where(found.where, language)] if found.where else []),
        (words["time"], [total + words["detail"].format(detail=detail) if detail else total]),
    ]


def _where(where: Where, language: str) -> str:
    """In English with the name of each criterion."""
    return str(where) if language == "en" else "、".join(chips(where)) or str(where)


def _packed(
    packing: PackReport | None, passages: Sequence[Passage], language: str
) -> list[tuple[str, list[str]]]:
    if packing is None:
        return []
    words = _WORDS[language]
    titles = {passage.number: _title(passage, language) for passage in passages}
    used = words["budget"].format(
        used=packing.prompt_tokens,
        budget=packing.budget,
        passages=packing.passage_tokens,
        room=packing.room,
    )
    read = [
        words["source"].format(
            number=one.number,
            title=titles.get(one.number, ""),
            tokens=one.tokens,
            scope=_scope(one.scope, language),
        )
        for one in packing.passages
    ]
    named = [_left_out(one, language) for one in packing.left_out[:MAX_LEFT_OUT]]
    if more := len(packing.left_out) - len(named):
        named.append(words["more"].format(count=more))
    turns = [words["kept"].format(kept=packing.kept_turns)] if packing.kept_turns else []
    turns += [words["dropped"].format(dropped=packing.dropped_turns)] * bool(packing.dropped_turns)
    return [
        (words["prompt"], [used]),
        (words["sources"], read),
        (words["left_out"], named),
        (words["turns"], [words["comma"].join(turns)] if turns else []),
    ]


def _title(passage: Passage, language: str) -> str:
    """With its heading, which tells the passages of one document apart."""
    heading = heading_words(passage.headings, passage.title, language)
    return f"{passage.title} · {heading}" if heading else passage.title


def _scope(scope: str, language: str) -> str:
    name = _SCOPE_NAMES[language].get(scope, "")
    return f"{_WORDS[language]['comma']}{name}" if name else ""


def _left_out(one: LeftOut, language: str) -> str:
    place = f"{one.title} · {one.heading}" if one.heading else one.title
    reason = one.reason
    if language == "zh":
        told, other = _REASONS_ZH
        sizes = _REASON.fullmatch(reason)
        reason = told.format(**sizes.groupdict()) if sizes else other
    return f"{place}{_WORDS[language]['colon']}{reason}"


def _written(answer: Answer, language: str) -> list[tuple[str, list[str]]]:
    words, spent = _WORDS[language], answer.timings_ms
    lines = [answer.model]
    if "total" in spent and "first_token" in spent:
        lines.append(
            words["speed"].format(
                first=_seconds(spent["first_token"]),
                total=_seconds(spent["total"]),
                tokens=answer.completion_tokens,
            )
        )
    return [(words["model"], lines)]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 1 or not milliseconds else "<1"


def _seconds(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
