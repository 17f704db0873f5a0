"""Why a value of an answer's JSON is in doubt, in words."""

from __future__ import annotations

from rag.structured.values import Doubt

_TEXTS = {
    "en": {
        "missing": "this does not stand in the sources",
        "name": "the name {detail} does not stand in the sources",
        "judged": "the model's judgement: no source says it in so many words",
        "row": "the source says this of another row than {detail}",
        "sign": "the source gives this number with the other sign",
        "statement": "the sources do not bear this out: {detail}",
        "unanswered": "the documents do not seem to answer this question",
    },
    "zh": {
        "missing": "来源中没有这个值",
        "name": "来源中没有 {detail} 这个名称",
        "judged": "这是模型的判断，来源没有这样明说",
        "row": "来源说的是另一行，而不是 {detail}",
        "sign": "来源中这个数的正负号相反",
        "statement": "来源不支持这一说法：{detail}",
        "unanswered": "这些文档似乎没有回答这个问题",
    },
}


def explain_doubt(doubt: Doubt, language: str) -> str:
    """The reason in `zh`, or else in English."""
    texts = _TEXTS["zh" if language == "zh" else "en"]
    key = "name" if doubt.kind == "missing" and doubt.detail else doubt.kind
    return texts[key].format(detail=doubt.detail)
