"""The stream of a model's text, turned into statements that are each cited and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from rag.prompt import NOT_FOUND, Signs, is_refusal
from rag.sentences import BAR
from rag.types import AnswerText, Citation, CitationFound

UNCITED = "[?]"  # follows a statement that no source bears out

_MARKER = re.compile(
    r"[\[【［](?:\s*(?:source|sources|来源|资料)?\s*\^?)"
    r"(\d{1,3}(?:\s*[,，、;；和&–-]\s*\^?\d{1,3})*)\s*[\]】］]",
    re.IGNORECASE,
)
_MAY_BE_MARKER = re.compile(
    r"[\[【［]\s*(?:s(?:o(?:u(?:r(?:c(?:es?)?)?)?)?)?|来(?:源)?|资(?:料)?)?\s*\^?"
    r"[\d\s,，、;；和&^–-]*$",
    re.IGNORECASE,
)
MAX_MARKER = 40  # characters; what is longer is text, so that little is ever held back
MAX_SPACES = 8  # that are dropped before a marker
_RANGE = re.compile(r"(\d+)\s*[–-]\s*\^?(\d+)|(\d+)")
_CODE = re.compile(r"(`{1,2})(?!`)[^`\n]{1,200}\1(?!`)")
_MAY_BE_CODE = re.compile(r"`{1,2}[^`\n]{0,200}`{0,2}$")
_LATIN_END = re.compile(r"[.!?]+[\"”’')\]]*$")
_WIDE_END = re.compile(r"[。！？]+[”’」』）)]*$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|no|nos|fig|dr|mr|mrs|ms|prof|inc|ltd|st|[a-z]|\d+)\.$",
    re.IGNORECASE,
)
_SAYS = re.compile(r"[^\W_]")
_LETTER = re.compile(r"[^\W\d_]")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)、]|#+)\s+")
FENCE = "```"
NO_SIGNS = Signs()

Piece = AnswerText | CitationFound


class Checker(Protocol):
    """What binds a statement to the sources."""

    def cite(self, statement: str, numbers: Sequence[int]) -> list[Citation]: ...
    def attribute(self, statement: str) -> Citation | None: ...


class CitationParser:
    """Takes text as the model writes it; gives text and citations, in the same order.

    A marker stands for the statement before it, back to the last marker or sentence end. It is
    held back until it is whole, and neighbouring markers are checked together. A statement without
    one gets the citation of a source that bears it out, or `[?]`. Code and links are left alone.

    Of the prompt's `signs` a model may cite the fence, as `[69effd02]`, which says no more than no
    marker does; a place at the beginning of a line is left out.
    """

    def __init__(self, checker: Checker, signs: Signs = NO_SIGNS) -> None:
        self.citations: list[Citation] = []
        self._checker = checker
        self._fence_marker = f"[{signs.fence}]" if signs.fence else ""
        self._places = signs.places
        self._held = ""  # text that may yet turn out to be a marker, or to end a statement
        self._statement = ""
        self._numbers: list[int] | None = (
            None  # of the markers just read; None where there are none
        )
        self._in_code = False
        self._has_stated = False
        self._bar = ""  # that may close a row: labels go before it, into its last cell
        self._line_opening = ""
        self._is_below_row = False

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of text."""
        self._held += text
        return self._take(is_last=False)

    def finish(self) -> list[Piece]:
        """The text has ended."""
        return _joined([*self._take(is_last=True), *self._end_statement(is_last=True)])

    def _take(self, *, is_last: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._held:
            if self._held.startswith(FENCE):
                pieces += self._take_fence()
            elif self._in_code:
                if not is_last and FENCE.startswith(self._held):
                    break
                pieces += self._take_until_fence()
            elif self._is_fixed_word(is_last=is_last):  # besides an answer, it says nothing
                self._held = self._held[len(NOT_FOUND) :]
            elif not is_last and self._must_wait():
                break
            elif marker := self._marker_at(self._held):
                numbers, length = marker
                self._numbers = [*(self._numbers or []), *numbers]
                self._held = self._held[length:]
            elif place := self._place_at(self._held):
                self._held = self._held[len(place) :]
            elif code := _CODE.match(self._held):
                pieces += self._take_text(code.end())
            else:
                pieces += self._take_character()
        return _joined(pieces)

    def _is_fixed_word(self, *, is_last: bool) -> bool:
        """Whether NOT_FOUND comes next and stands alone, which a code that is told does not."""
        if not self._held.startswith(NOT_FOUND) or _SAYS.search(self._statement):
            return False
        following = self._held[len(NOT_FOUND) : len(NOT_FOUND) + 1]
        return following in "\n.。!！" if following else is_last

    def _must_wait(self) -> bool:
        """Whether what is held may become a marker, code or a fence, or is the space before one."""
        rest = self._held.lstrip(" \t")
        if len(self._held) - len(rest) > MAX_SPACES:
            return False
        fixed = (NOT_FOUND, self._fence_marker, *(self._places if self._begins_line() else ()))
        if any(one.startswith(rest) for one in fixed) or _MAY_BE_CODE.match(self._held):
            return True
        if len(rest) > MAX_MARKER:
            return False
        marker = _MARKER.match(rest)  # a link shows only in what follows the bracket
        return bool(_MAY_BE_MARKER.match(rest)) or bool(marker and marker.end() == len(rest))

    def _take_character(self) -> list[Piece]:
        if self._held[0] in " \t":
            after = self._held.lstrip(" \t")
            is_habit = len(self._held) - len(after) <= MAX_SPACES
            if is_habit and self._marker_at(after):  # the model's habit, not text
                self._held = after
                return []
        return self._take_text(1)

    def _marker_at(self, text: str) -> tuple[list[int], int] | None:
        """The numbers and the length of the marker that a text begins with."""
        if self._fence_marker and text.startswith(self._fence_marker):
            return [], len(self._fence_marker)
        marker = _match_marker(text)
        return (_numbers(marker[1]), marker.end()) if marker else None

    def _place_at(self, text: str) -> str:
        """The place above a passage that a line begins with; "" if it begins with none."""
        if not self._places or not self._begins_line():
            return ""
        return next((place for place in self._places if text.startswith(place)), "")

    def _begins_line(self) -> bool:
        return not self._line_opening and not self._statement.strip()

    def _take_text(self, length: int) -> list[Piece]:
        """Take so many characters as text, none of which ends a statement within them."""
        text, self._held = self._held[:length], self._held[length:]
        pieces = []
        if self._numbers is not None or self._ends_statement(text[0]):
            pieces = self._end_statement()
        elif self._bar:
            pieces = self._take_bar()
        is_bar = text == BAR and self._statement.lstrip().startswith(BAR)
        self._follow_line(text)
        self._statement += text
        if is_bar:
            self._bar = text
            return pieces
        return [*pieces, AnswerText(text)]

    def _take_bar(self) -> list[Piece]:
        bar, self._bar = self._bar, ""
        return [AnswerText(bar)] if bar else []

    def _follow_line(self, text: str) -> None:
        """Keep what the line begins with, and whether the line before was a row."""
        if text.startswith("\n"):
            self._is_below_row = self._line_opening == BAR
            self._line_opening = ""
        elif not self._line_opening:
            self._line_opening = text.strip()[:1]

    def _ends_statement(self, following: str) -> bool:
        """Whether the statement is complete, now that `following` comes after it."""
        if following == "\n":
            return True
        if _WIDE_END.search(self._statement):
            return following not in "。！？”’」』）)"
        if following in " \t" and _LATIN_END.search(self._statement):
            return not _ABBREVIATION.search(self._statement)
        return False

    def _end_statement(self, *, is_last: bool = False) -> list[Piece]:
        return [*self._bind_statement(is_last=is_last), *self._take_bar()]

    def _bind_statement(self, *, is_last: bool) -> list[Piece]:
        statement, numbers = self._statement, self._numbers
        self._statement, self._numbers = "", None
        body = _LIST_MARK.sub("", statement).strip()
        is_alone = is_last and not self._has_stated  # then a lone word or figure is the answer
        self._has_stated = self._has_stated or _SAYS.search(body) is not None
        is_cited = numbers is not None and _SAYS.search(body)
        if is_cited and (found := self._checker.cite(body, numbers or [])):
            self.citations += found
            return [CitationFound(citation) for citation in found]
        is_head = self._line_opening == BAR and not self._is_below_row and not is_last
        if is_head or not needs_citation(statement, is_alone=is_alone):
            return []
        if (citation := self._checker.attribute(body)) is None:
            return [AnswerText(UNCITED)]
        self.citations.append(citation)
        return [CitationFound(citation)]

    def _take_fence(self) -> list[Piece]:
        pieces = self._end_statement() if not self._in_code else []
        self._in_code = not self._in_code
        self._held = self._held[len(FENCE) :]
        return [*pieces, AnswerText(FENCE)]

    def _take_until_fence(self) -> list[Piece]:
        code, fence, rest = self._held.partition(FENCE)
        kept = 0 if fence else len(code) - len(code.rstrip("`"))
        self._held = fence + rest if fence else code[len(code) - kept :]
        code = code[: len(code) - kept]
        if not code and not fence:
            self._held, code = "", "`" * kept  # the text has ended within a fence
        return [AnswerText(code)] if code else []


def _match_marker(text: str) -> re.Match[str] | None:
    """The marker that a text begins with, if it is not the text of a link."""
    marker = _MARKER.match(text)
    if marker is None or marker.end() > MAX_MARKER:
        return None
    return None if marker[0].endswith("]") and text.startswith("(", marker.end()) else marker


def _numbers(listed: str) -> list[int]:
    """The numbers of a marker, `2-4` being 2, 3 and 4."""
    numbers: list[int] = []
    for first, last, single in _RANGE.findall(listed):
        numbers += range(int(first), int(last) + 1) if first else [int(single)]
    return numbers


def needs_citation(statement: str, *, is_alone: bool = False) -> bool:
    """Whether a text states something: not a heading, a lead-in, a question, a lone word (unless
    it is the whole answer), or that nothing was found."""
    body = _LIST_MARK.sub("", statement).strip().strip("*_ ")
    if statement.lstrip().startswith("#") or body.endswith((":", "：", "?", "？")):
        return False
    if is_refusal(body):
        return False
    if is_alone:
        return _SAYS.search(body) is not None
    letters = len(_LETTER.findall(body))
    return letters >= 4 and len(body) >= 6


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring texts as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, AnswerText) and joined and isinstance(joined[-1], AnswerText):
            joined[-1] = AnswerText(joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined
