"""Says what of the found passages a model saw, in English or Chinese."""

from __future__ import annotations

from rag.types import PackReport

_SEEN = {
    "en": "The model reads {used:,} tokens of passages (room for {room:,})",
    "zh": "模型读取了 {used:,} 个词元的段落（最多 {room:,} 个）",
}
_WIDENED = {
    "en": {
        "neighbours": "with what stands next to them",
        "section": "up to whole sections",
        "document": "up to whole documents",
        "folder": "up to whole folders",
    },
    "zh": {
        "neighbours": "包括相邻的内容",
        "section": "包括整个章节",
        "document": "包括整个文档",
        "folder": "包括整个文件夹",
    },
}
_LEFT_OUT = {
    "en": ("{count} found passage had no room", "{count} found passages had no room"),
    "zh": ("{count} 个找到的段落放不下",) * 2,
}
_CUT = {
    "en": ("{count} is not as wide as asked", "{count} are not as wide as asked"),
    "zh": ("{count} 个未能按要求完整读取",) * 2,
}
_FORGOTTEN = {
    "en": ("the oldest question is left out", "the {count} oldest questions are left out"),
    "zh": ("最早的 1 个提问未包括在内", "最早的 {count} 个提问未包括在内"),
}


def packing_line(packing: PackReport, language: str) -> str:
    """One line for people: how much is read, how wide, and what had no room."""
    words = [_SEEN[language].format(used=packing.passage_tokens, room=packing.room)]
    scopes = {passage.scope for passage in packing.passages}
    words += [said for scope, said in _WIDENED[language].items() if scope in scopes][-1:]
    num_cut = sum("went in" in one.reason for one in packing.left_out)
    for forms, count in (
        (_LEFT_OUT[language], len(packing.left_out) - num_cut),
        (_CUT[language], num_cut),
        (_FORGOTTEN[language], packing.dropped_turns),
    ):
        words += [forms[count > 1].format(count=count)] if count else []
    return "；".join(words) + "。" if language == "zh" else "; ".join(words) + "."
