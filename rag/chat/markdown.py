"""An answer as Markdown that shows the text and nothing else.

Emphasis, lists, headings, tables and code of the model's pass; HTML, links and images do not, and
`word:word` does not become a directive (which the page would swallow). Addresses that no source
holds are shown as code: the page would make links of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.citations import UNCITED
from rag.fault_texts import explain_unsourced
from rag.types import Citation
from rag.viewer_words import UNSOURCED_PATH

_FENCE = re.compile(r"(`{3,})([^`\n]*)\n")
_RUN = re.compile(r"`+")
_ESCAPED = frozenset("\\<[!")
_DROPPED = frozenset("\u200b\x00")  # the page takes a zero-width space for its cursor
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s`<>\[\]()\\，。；：！？、）】”’\u200b\x00]*", re.IGNORECASE
)
_ADDRESS_STARTS = ("http://", "https://", "www.")
_STOPS = ".,;:!?*_~'\""  # behind an address they are not part of it
MAX_ADDRESS = 2_000  # characters; a longer one is shown in pieces
MAX_INLINE_CODE = 300  # characters; a backtick with no partner nearby is just a backtick


class MarkdownEscaper:
    """Takes the answer's text in pieces; what cannot be judged yet is held back.

    `[?]` becomes a link that says in `language` what it means.
    """

    def __init__(self, language: str = "en") -> None:
        self._unsourced = _link(UNCITED, UNSOURCED_PATH, explain_unsourced(language))
        self._held = ""
        self._fence = 0  # how many backticks opened the code block we are in
        self._at_line_start = True
        self._known = ""  # what the sources say
        self._before = ""  # the last piece that was shown

    def know(self, texts: Iterable[str]) -> None:
        """Addresses within these texts may become links."""
        self._known = "\n".join(texts)

    def feed(self, text: str) -> str:
        """The next piece of text, and what was held, as far as it is certain."""
        self._held += text
        return self._drain(final=False)

    def finish(self) -> str:
        """What is still held; the text may go on after it."""
        return self._drain(final=True)

    def cite(self, citation: Citation, url: str, doubt: str) -> str:
        """The citation's label as a link; `doubt` is the title of one that is not supported."""
        before = self.finish()
        self._at_line_start = False
        if self._fence:
            return before + citation.label
        return before + _link(citation.label, url, "" if citation.supported else doubt)

    def _drain(self, *, final: bool) -> str:
        done: list[str] = []
        while self._held:
            step = self._code_line(final) if self._fence else self._text(final)
            if step is None:
                break
            taken, shown = step
            self._at_line_start = self._held[:taken].endswith("\n")
            self._held = self._held[taken:]
            if shown.startswith("`") and self._before.endswith("`") and not self._fence:
                shown = " " + shown if _is_address(shown) or _is_address(self._before) else shown
            self._before = shown
            done.append(shown)
        return "".join(done)

    def _code_line(self, final: bool) -> tuple[int, str] | None:
        line, newline, _ = self._held.partition("\n")
        closing = re.fullmatch(r" {0,3}(`*)[ \t]*", line) if self._at_line_start else None
        if closing and not newline and not final:
            return None
        if closing and len(closing[1]) >= self._fence:
            self._fence = 0
        return len(line) + len(newline), line + newline

    def _text(self, final: bool) -> tuple[int, str] | None:
        sign, following = self._held[0], self._held[1:2]
        if sign == "`":
            return self._backticks(final)
        if sign in "hHwW" and (step := self._address(final)) != (0, ""):
            return step
        if sign in ":&" and not following and not final:
            return None
        if sign == "[" and UNCITED.startswith(self._held) and self._held != UNCITED and not final:
            return None
        if self._held.startswith(UNCITED):
            return len(UNCITED), self._unsourced
        if sign == "~" and self._at_line_start:
            return 1, "\\~"
        opens_directive = sign == ":" and (following.isalpha() or following in (":", "_"))
        opens_entity = sign == "&" and (following.isalpha() or following == "#")
        if opens_directive or opens_entity or sign in _ESCAPED:
            return 1, "\\" + sign
        return 1, "" if sign in _DROPPED else sign

    def _address(self, final: bool) -> tuple[int, str] | None:
        """An address that no source holds as code; nothing taken where there is none."""
        found = _ADDRESS.match(self._held)
        if found is None:
            begun = self._held.lower()
            may_be = not final and any(start.startswith(begun) for start in _ADDRESS_STARTS)
            return None if may_be else (0, "")
        if found.end() == len(self._held) < MAX_ADDRESS and not final:
            return None
        address = found[0].rstrip(_STOPS)
        if address in self._known or not _ADDRESS.match(address):
            return 0, ""
        return len(address), f"`{address}`"

    def _backticks(self, final: bool) -> tuple[int, str] | None:
        """A code block's first line, a piece of inline code, or plain backticks."""
        run = _RUN.match(self._held)
        length = run.end() if run else 0
        line, newline, _ = self._held.partition("\n")
        if fence := _FENCE.match(self._held) if self._at_line_start else None:
            self._fence = length
            word = re.sub(r"[^\w+#.-]", "", fence[2])
            return fence.end(), f"{fence[1]}{word}\n"
        closing = re.search(rf"(?<!`)`{{{length}}}(?!`)", line[length:])
        certain = final or bool(newline) or len(line) > MAX_INLINE_CODE
        if closing and (certain or length + closing.end() < len(line)):
            end = length + closing.end()
            return end, self._held[:end]
        return (length, "\\`" * length) if certain else None


def _is_address(shown: str) -> bool:
    return _ADDRESS.match(shown, shown.find("`") + 1) is not None


def _link(label: str, url: str, title: str) -> str:
    label = label.replace("[", "\\[").replace("]", "\\]")
    told = title.replace("\\", "").replace('"', "'")
    return f'[{label}]({url} "{told}")' if told else f"[{label}]({url})"
