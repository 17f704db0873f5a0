"""Globs for paths: `*` and `?` stop at a slash, `**` does not, and case never counts."""

from __future__ import annotations

import re
import unicodedata

_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECES = re.compile(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])")


def plain(text: str) -> str:
    """So that case and the ways to write an accent do not count."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def glob_pattern(glob: str) -> str:
    """A regular expression for a whole plain path; a relative glob stands for the path's end.

    Raises ValueError if the glob has a range that runs backwards, such as [z-a].
    """
    if glob.endswith("/"):
        glob += "**"
    pattern = "" if glob.startswith("/") else "(?:.*/)?"
    for piece in _PIECES.split(plain(glob)):
        if piece in _WILD:
            pattern += _WILD[piece]
        elif len(piece) > 2 and piece.startswith("[") and piece.endswith("]"):
            pattern += _set_pattern(piece[1:-1])
        else:
            pattern += re.escape(piece)
    return pattern


def _set_pattern(signs: str) -> str:
    """What stands in brackets; neither a set nor its opposite holds the slash."""
    is_opposite = signs.startswith("!") and len(signs) > 1
    signs = signs.removeprefix("!") if is_opposite else signs
    found, at = "", 0
    while at < len(signs):
        if signs[at + 1 : at + 2] == "-" and at + 2 < len(signs):
            if signs[at] > signs[at + 2]:
                raise ValueError(f"the range {signs[at : at + 3]} runs backwards")
            found += f"{re.escape(signs[at])}-{re.escape(signs[at + 2])}"
            at += 3
        else:
            found += re.escape(signs[at])
            at += 1
    return f"(?!/)[{'^' if is_opposite else ''}{found}]"
