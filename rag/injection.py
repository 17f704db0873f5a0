"""Orders to a model within documents: found by their wording, and kept from the model.

The stored text stays as it is; only what the model reads of it changes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.sentences import split_sentences

LEFT_OUT = "[…]"
# Tags, zero-width space and joiners of words, bidi embeddings and overrides: nobody sees them.
_UNSEEN = re.compile("[\u200b\u2060-\u2064\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+|the\s+|your\s+)*(?:previous|prior|above|earlier)"
    r"\s+(?:instruction|prompt|rule|message)"
    r"|\byou are now\b[^.]{0,60}\b(?:pirate|assistant|model|character|mode)\b"
    r"|(?:忽略|无视|忘记)[^。，]{0,4}(?:以上|上述|之前|先前|前面)[^。，]{0,6}(?:指令|指示|命令|提示|规则)"
    r"|从现在(?:起|开始)[,，]?你(?:就)?(?:是|扮演)"
    r"|<\|im_(?:start|end)\|>|</?sources\b|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“「『][^\"”」』]{1,300}[\"”」』]")


@lru_cache(maxsize=512)
def as_shown(text: str) -> str:
    """The text as the model may read it; ordinary text is returned as it is."""
    seen = _UNSEEN.sub("", text)
    if not _ORDERS.search(seen):
        return seen
    parts, end = [], 0
    for start, stop in split_sentences(seen):
        gives_orders = _ORDERS.search(_QUOTED.sub("", seen[start:stop])) is not None
        parts += [seen[end:start], LEFT_OUT if gives_orders else seen[start:stop]]
        end = stop
    return "".join([*parts, seen[end:]])
