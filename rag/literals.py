"""What a question names to the letter: phrases in quotes, and identifiers.

Also whether a text holds such a thing: compatibility forms, case, dashes, quote marks and white
space are folded, and in scripts without spaces a line break means nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rag.names import names_in
from rag.words import INVISIBLE, UNSPACED

MAX_PHRASE_CHARACTERS = 300  # longer ones are pasted text that happens to hold quote marks

_SPACED = rf"[^\W_{UNSPACED}]"  # a letter or digit of a script with spaces between words
_QUOTED = re.compile(
    rf'(?<!{_SPACED})"([^"]+)"(?!{_SPACED})|“([^“”]+)”|„([^„“”]+)[“”]|「([^「」]+)」|『([^『』]+)』'
    r"|«([^«»]+)»|»([^«»]+)«|‹([^‹›]+)›|﹁([^﹁﹂]+)﹂|〝([^〝〞]+)〞"
)
_FOLDED_SIGNS = str.maketrans("‘’‚‛“”„‟«»‐‑‒–—―−", '\'\'\'\'""""""-------')
_GAP = re.compile(rf"(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])")
_PIECE = re.compile(r"(?:§§?\s?|#|--)?[A-Za-z0-9_](?:[\w.@:/#+\\-]*[A-Za-z0-9_])?", re.ASCII)
_ORDINAL_OR_MEASURE = re.compile(
    r"\d+(?:st|nd|rd|th|s)|\d+(?:[.,]\d+)?-?[A-Za-z]{1,2}|\d+(?:[.,]\d+)?(?:min|sec|mph|kmh|hrs?)"
    r"|\d+-?(?:year|day|month|week|hour|minute|page|bit|inch|foot|man|time|volume|point|yard|part"
    r"|mile|story|storey|member|seat|game)s?(?:-old)?|(?:mid|early|late|pre|post)-?\d+s?"
    r"|\d+(?:[-/:.]\d+)?(?:am|pm)",
    re.IGNORECASE,
)
_YEAR_RANGE = re.compile(r"[12]\d{3}[-/]\d{2,4}")


@dataclass(frozen=True, slots=True)
class Literals:
    """`phrases` must be in every hit, if any chunk has them; `identifiers` lift those that do.

    `names` are in lower case: what holds a rare one should not be missed.
    """

    phrases: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def find_literals(question: str) -> Literals:
    """The phrases, identifiers and other names of a question, each once."""
    phrases = phrases_in(question)
    identifiers = tuple(piece for piece in identifiers_in(question) if piece not in phrases)
    known = " ".join([*phrases, *identifiers]).casefold()
    names = (name for name in sorted(names_in(question)) if name not in known)
    return Literals(phrases, identifiers, tuple(names))


def phrases_in(text: str) -> tuple[str, ...]:
    """What stands between a pair of quote marks; a lone mark, as of inches, quotes nothing."""
    found = ("".join(groups).strip() for groups in _QUOTED.findall(text))
    kept = [p for p in found if len(p) <= MAX_PHRASE_CHARACTERS and re.search(r"[^\W_]", p)]
    return tuple(dict.fromkeys(kept))


def identifiers_in(text: str) -> tuple[str, ...]:
    """What looks like a name given by a machine: ERR-4012, E_FAIL, 0x80070057, §12.3, a.txt."""
    folded = unicodedata.normalize("NFKC", text)
    return tuple(dict.fromkeys(piece for piece in _PIECE.findall(folded) if is_identifier(piece)))


def is_identifier(piece: str) -> bool:
    """Whether a piece of text without spaces looks like an identifier, not a word or a year."""
    if piece.startswith("§"):
        return True
    if piece.startswith(("#", "--")):
        return any(sign.isalpha() for sign in piece)
    if _ORDINAL_OR_MEASURE.fullmatch(piece) or _YEAR_RANGE.fullmatch(piece):
        return False
    has_digit = any(sign.isdigit() for sign in piece)
    has_letter = any(sign.isalpha() for sign in piece)
    if "_" in piece or (has_digit and has_letter):
        return has_letter
    if has_digit:
        return bool(re.search(r"\d\.\d+\.\d|[-_/:]\d{3}|^\d{5,}$", piece))
    return bool(re.search(r"\w@\w+\.\w|\w[/\\]\w+[./\\]\w|\w\.(?:[a-z]{2,4}\d?)$|::", piece))


def normalized(text: str) -> str:
    """The text as literals are compared with it."""
    folded = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_FOLDED_SIGNS)
    return _GAP.sub("", " ".join(folded.casefold().split()))


def literal_pattern(literal: str) -> re.Pattern[str]:
    """Finds the literal as whole words in a normalized text."""
    wanted = normalized(literal)
    start = f"(?<!{_SPACED})" if re.match(_SPACED, wanted) else ""
    end = f"(?!{_SPACED})" if re.search(rf"{_SPACED}\Z", wanted) else ""
    first, *others = wanted.split("§")
    body = r"§\s?".join([re.escape(first), *(re.escape(part.lstrip()) for part in others)])
    return re.compile(start + body + end)
