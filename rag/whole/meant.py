"""Which documents a task means: by name, by what was spoken of, or by search."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from rag.types import Answer, Hit, StoredDocument

MIN_NAME_SHARE = 0.5  # of a name's words that a subject must say, where it says no other
MIN_HAN_CHARACTERS = 3
SEARCH_SHARE = 0.5  # of the hits that the document found by search must have

_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile("[\u3400-\u9fff]")
_EMPTY = frozenset(
    (
        "the",
        "a",
        "an",
        "of",
        "our",
        "my",
        "this",
        "that",
        "its",
        "document",
        "file",
        "pdf",
        "and",
        "in",
    )
)


def find_named(subject: str, documents: Sequence[StoredDocument]) -> StoredDocument | None:
    """The document whose title or file name the subject says, wholly or by its telling words."""
    scored = [(max(_likeness(subject, name) for name in _names(one)), one) for one in documents]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] > 0 else None


def find_spoken_of(previous: Answer | None) -> str:
    """The path of the document that the last answer cites most, else found first; "" if none."""
    if previous is None:
        return ""
    cited = Counter(citation.path for citation in previous.citations if citation.supported)
    if cited:
        return cited.most_common(1)[0][0]
    return previous.passages[0].path if previous.passages else ""


def find_by_hits(hits: Sequence[Hit]) -> str:
    """The path of the document that most of the best hits stand in; "" if they are scattered."""
    best = Counter(hit.chunk.path for hit in hits[:10])
    path, count = best.most_common(1)[0] if best else ("", 0)
    is_clear = bool(hits) and count >= SEARCH_SHARE * min(10, len(hits))
    return path if is_clear and path == hits[0].chunk.path else ""


def _names(document: StoredDocument) -> list[str]:
    name = PurePath(document.path).name
    return [_folded(one) for one in (document.title, PurePath(name).stem, name)]


def _likeness(subject: str, name: str) -> float:
    """How surely the subject means the name: 3 the whole name, 2 within it, else a share."""
    said = _folded(subject)
    if not said or not name:
        return 0.0
    if said == name:
        return 4.0
    if _contains(said, name):
        return 3.0 + len(name) / 1000
    if _HAN.search(said):
        return _han_likeness(said, name)
    words = {_stem(w) for w in _WORD.findall(said)} - _EMPTY
    held = {_stem(w) for w in _WORD.findall(name)}
    if not words or not words <= held:
        return 0.0
    share = len(words) / len(held - _EMPTY or held)
    has_number = any(not word.isalpha() for word in words)
    return 1.0 + share if share >= MIN_NAME_SHARE or has_number else 0.0


def _han_likeness(said: str, name: str) -> float:
    """A Chinese name may be said in part, or with characters left out."""
    said = re.sub(r"[《》“”\"'\s]|(?:文件|文档|这份|那份|公司的?|我们的?|的)", "", said)
    if len(_HAN.findall(said)) < MIN_HAN_CHARACTERS:
        return 0.0
    if said in name:
        return 2.0 + len(said) / len(name)
    rest = iter(name)
    is_within = all(character in rest for character in said)
    return len(said) / len(name) if is_within and len(said) >= MIN_HAN_CHARACTERS + 1 else 0.0


def _contains(said: str, name: str) -> bool:
    if len(name) < 3:
        return False
    if _HAN.search(name):
        return name in said
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
