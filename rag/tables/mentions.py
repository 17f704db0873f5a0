"""What of a table a question names to the letter: its columns and the values in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.tables.cells import header_unit
from rag.tables.table import Table
from rag.tables.vocabulary import translations

MAX_VALUES = 2_000  # of a column that are looked for
MAX_VALUE_CHARACTERS = 60

_BRACKETS = re.compile(r"\s*[(（\[【][^()（）\[\]【】]*[)）\]】]\s*$")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Mention:
    """`asked[start:end]` names a column, or a value of it."""

    start: int
    end: int
    column: str
    value: str = ""

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end

    def overlaps(self, spans: Iterable[tuple[int, int]]) -> bool:
        return any(self.start < end and start < self.end for start, end in spans)


def normalized(question: str) -> str:
    """The question as mentions are looked for in: width and case do not count."""
    return " ".join(unicodedata.normalize("NFKC", question).casefold().split())


def find_mentions(asked: str, table: Table) -> list[Mention]:
    """All mentions in a normalized question, by place; of overlapping ones the longest."""
    found = sorted(_all(asked, table), key=lambda m: (m.start - m.end, bool(m.value), m.start))
    kept: list[Mention] = []
    for mention in found:
        same = [m for m in kept if (m.start, m.end) == (mention.start, mention.end)]
        if all(m.end <= mention.start or mention.end <= m.start for m in kept) or (
            same and mention.value and all(m.value for m in same)
        ):
            kept.append(mention)  # one text may be a value of several columns
    return sorted(kept, key=lambda mention: mention.start)


def blanked(asked: str, spans: Iterable[tuple[int, int]]) -> str:
    """The question with blanks for the spans: the "minimum" of a column's name asks for none."""
    for start, end in spans:
        asked = asked[:start] + " " * (end - start) + asked[end:]
    return asked


def column_wordings(name: str) -> list[str]:
    """How a question may write a column's name: without its unit, brackets or path, or in the
    other language."""
    bare = _BRACKETS.sub("", name).strip()
    wordings = [name, bare]
    unit = header_unit(name)
    for wording in (name, bare):
        if unit and wording.endswith(unit):
            wordings.append(wording.removesuffix(unit).rstrip(" _-"))
    wordings += [wording.rpartition(".")[2] for wording in list(wordings)]
    spaced = [re.sub(r"[_\-]+", " ", wording) for wording in wordings]
    plain = list(dict.fromkeys(normalized(wording) for wording in spaced))
    translated = [other for wording in plain for other in translations(wording)]
    return [w for w in dict.fromkeys(plain + translated) if len(w) > 1]


def occurrences(asked: str, phrase: str) -> Iterator[tuple[int, int]]:
    """Where a phrase stands in the question: whole words where words are spaced, plurals too."""
    if not phrase:
        return
    pattern = re.escape(phrase).replace(r"\ ", r"\s*")
    if not _CJK.search(phrase[0]) and phrase[0].isalnum():
        pattern = r"(?<![a-z0-9])" + pattern
    if not _CJK.search(phrase[-1]) and phrase[-1].isalnum():
        plural = r"(?:e?s)?" if phrase[-1].isalpha() and len(phrase) > 2 else ""
        pattern += plural + r"(?![a-z0-9])"
    for found in re.finditer(pattern, asked):
        yield found.start(), found.end()


def _all(asked: str, table: Table) -> Iterator[Mention]:
    for column in table.columns:
        for wording in column_wordings(column.name):
            for start, end in occurrences(asked, wording):
                yield Mention(start, end, column.name)
        if column.kind != "text":
            continue
        for value in column.distinct[:MAX_VALUES]:
            text = normalized(str(value))
            if not 1 < len(text) <= MAX_VALUE_CHARACTERS:
                continue
            for wording in (text, *translations(text)):
                if len(wording) > 1 and wording.split(" ")[0] in asked:
                    for start, end in occurrences(asked, wording):
                        yield Mention(start, end, column.name, str(value))
