"""Why a citation does not bear its statement out, in words."""

from __future__ import annotations

from rag.types import Citation

_TEXTS = {
    "en": {
        "words": "not borne out by the source",
        "figure": "the source does not give the figure {detail}",
        "unit": "the source gives {detail} in another unit",
        "name": "the source does not name {detail} there",
        "negation": "the source says the opposite",
        "row": "the source says this of another row than {detail}",
        "order": "the source gives orders to a model here",
        "contradicted": "contradicted: ",
    },
    "zh": {
        "words": "来源不支持这一说法",
        "figure": "来源中没有数字 {detail}",
        "unit": "来源中 {detail} 的单位不同",
        "name": "来源此处没有提到 {detail}",
        "negation": "来源的说法相反",
        "row": "来源说的是另一行，而不是 {detail}",
        "order": "来源此处是给模型的指令",
        "contradicted": "与来源矛盾：",
    },
}


def explain(citation: Citation, language: str) -> str:
    """The reason in `zh` or `en`; "" where the citation is supported."""
    if citation.supported:
        return ""
    words = _TEXTS["zh" if language == "zh" else "en"]
    reason = words[citation.fault or "words"].format(detail=citation.detail)
    return words["contradicted"] + reason if citation.verdict == "contradicted" else reason


def explain_unsourced(language: str) -> str:
    """What `[?]` says of the statement before it, in `zh` or `en`."""
    if language == "zh":
        return "读取的来源都不支持这一说法"
    return "nothing that was read bears this statement out"
