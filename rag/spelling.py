"""The nearest words of the index for words of a query that it does not have.

A slip is one letter wrong, missing, too many or swapped with its neighbour; in words of eight
letters and more, two of them (Damerau 1964). Identifiers, names with digits and scripts without
spaces are left as they are, and so are the words that questions are made of: few documents hold
"much", but many "such".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.lexical import LexicalIndex
from rag.literals import identifiers_in, phrases_in
from rag.words import UNSPACED, tokenize

MIN_LETTERS = 4
LETTERS_FOR_TWO_SLIPS = 8
PREFIX_LETTERS = 3  # of the dictionary, what begins as the word does is compared with it
MAX_TERMS = 20_000  # with one beginning
MIN_KNOWN_SHARE = 0.5  # of the other words; below, the query is in another language
ENDINGS = ("s", "es", "d", "ed")
MAX_LONE_WORDS = 2  # in so short a query nothing need be known
ASKED_WITH = {
    "about", "been", "between", "both", "could", "does", "each", "from", "give", "have", "into",
    "last", "least", "less", "list", "many", "more", "most", "much", "must", "next", "only",
    "please", "shall", "should", "show", "such", "tell", "than", "that", "their", "them", "then",
    "there", "these", "they", "this", "those", "were", "what", "when", "where", "which", "whom",
    "whose", "will", "with", "would",
}  # fmt: skip

_WORD = re.compile(rf"(?:(?![{UNSPACED}])[^\W\d_])+")


def with_respellings(asked: Sequence[str], index: LexicalIndex) -> tuple[list[str], list[str]]:
    """The wordings of a question, each also as it is respelled, if it is; and notes."""
    found = [(text, again) for text in asked if (again := respelled(text, index))]
    texts = list(dict.fromkeys([*asked, *(again for _, again in found)]))
    slips = [again for text, again in found if _has_slip(text, again)]
    return texts, [f"searched also for: {text}" for text in slips[:1]]


def _has_slip(text: str, again: str) -> bool:
    """Whether more was replaced than endings: "stays" for "stay" is nothing to tell."""
    words = zip(_WORD.findall(text.casefold()), _WORD.findall(again.casefold()), strict=True)
    return any(one != other and not _is_inflected(one, other) for one, other in words)


def _is_inflected(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) :] in ENDINGS


def respelled(text: str, index: LexicalIndex) -> str:
    """The text with its unknown words replaced by the nearest known; "" if none is replaced."""
    kept = " ".join([*phrases_in(text), *identifiers_in(text)]).casefold()
    unknown = [
        word
        for word in dict.fromkeys(found[0] for found in _WORD.finditer(text))
        if _may_be_slip(word.casefold(), kept) and not _is_known(word, index)
    ]
    if not unknown or not _is_in_its_language(text, index):
        return ""
    nearest = {word: near for word in unknown if (near := nearest_term(word.casefold(), index))}
    if not nearest:
        return ""
    return _WORD.sub(lambda found: nearest.get(found[0], found[0]), text)


def _may_be_slip(word: str, kept: str) -> bool:
    return len(word) >= MIN_LETTERS and word not in ASKED_WITH and word not in kept


def _is_known(word: str, index: LexicalIndex) -> bool:
    return any(index.count(token) for token in tokenize(word))


def _is_in_its_language(text: str, index: LexicalIndex) -> bool:
    """Whether enough of the query is known that the rest may be slips."""
    words = set(tokenize(text))
    num_known = sum(index.count(word) > 0 for word in words)
    return len(words) <= MAX_LONE_WORDS or num_known >= MIN_KNOWN_SHARE * len(words)


def nearest_term(word: str, index: LexicalIndex) -> str:
    """The term of the index with the fewest slips from the word, the most frequent of several.

    The beginning counts less than a slip in it: terms are looked up by their first letters, and
    single slips in those are tried one by one. "" if nothing is near.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    max_slips = 2 if len(word) >= LETTERS_FOR_TWO_SLIPS else 1
    terms = dict(index.vocabulary(word[:PREFIX_LETTERS], MAX_TERMS))
    terms |= {term: n for term in _slips_at_start(word) if (n := index.count(term))}
    near = process.extract(
        word, list(terms), scorer=OSA.distance, score_cutoff=max_slips, limit=None
    )
    words = [(slips, term) for term, slips, _ in near if term.isalpha()]
    return min(words, key=lambda n: (n[0], -terms[n[1]], n[1]), default=(0, ""))[1]


def _slips_at_start(word: str) -> set[str]:
    """The word with one slip among its first letters, as the index may have it right."""
    alphabet = {*word, *"abcdefghijklmnopqrstuvwxyz"}
    made = set()
    for place in range(PREFIX_LETTERS + 1):
        head, tail = word[:place], word[place:]
        made.add(head + tail[1:])
        made.add(head + tail[1::-1] + tail[2:])
        made |= {head + letter + tail for letter in alphabet}
        made |= {head + letter + tail[1:] for letter in alphabet}
    return made - {word}
