"""Sources that disagree: another document that gives another figure for what an answer states."""

from __future__ import annotations

from collections.abc import Sequence

from rag.dates import date_of
from rag.language import detect_language
from rag.numbers import figures_in, numbers_in
from rag.quantities import quantities_in
from rag.sentences import ROW_START, split_sentences
from rag.types import Citation, Disagreement, Passage
from rag.words import tokenize

SAME_WORDS = 0.6  # of both sentences' words, figures aside: they speak of the same thing
MIN_WORDS = 4
MAX_TOLD = 3

_SAID = {
    "en": ("The sources disagree:", "the file's date", "; "),
    "zh": ("来源之间不一致：", "文件日期", "；"),
}


def find_disagreements(
    citations: Sequence[Citation], passages: Sequence[Passage], question: str
) -> list[Disagreement]:
    """At most MAX_TOLD; rows of tables are left out, for they differ by nature."""
    asked = numbers_in(question)
    by_number = {passage.number: passage for passage in passages}
    found: dict[tuple[str, str], Disagreement] = {}
    for citation in citations:
        if not citation.supported or citation.quote.startswith(ROW_START):
            continue
        for passage in passages:
            if passage.document_id == citation.document_id:
                continue
            if (span := _other_figure(citation.quote, passage, asked)) is None:
                continue
            one = Disagreement(
                citation,
                Citation.of(passage, *span),
                _dated(by_number[citation.marker], question),
                _dated(passage, question),
            )
            found.setdefault((one.first.quote, one.second.quote), one)
    return list(found.values())[:MAX_TOLD]


def describe(found: Disagreement, question: str) -> tuple[str, str]:
    """What stands before the first citation, and between the two, in the question's language."""
    said, _, parting = _SAID["zh" if detect_language(question) == "zh" else "en"]
    first, second = (
        f"{one.document}{f' ({dated})' if dated else ''}: “{' '.join(one.quote.split())}”"
        for one, dated in ((found.first, found.first_date), (found.second, found.second_date))
    )
    return f"\n\n{said} {first} ", f"{parting}{second} "


def _other_figure(quote: str, passage: Passage, asked: set[str]) -> tuple[int, int] | None:
    """A sentence of the passage that says the quote with other figures of the same kinds.

    The figures that were asked for tell which thing is meant: it must have them too.
    """
    figures, words = figures_in(quote) - asked, _words(quote)
    named = figures_in(quote) & asked
    kinds = {one.kind for one in quantities_in(quote)}
    if not figures or len(words) < MIN_WORDS:
        return None
    for start, end in split_sentences(passage.text):
        other = passage.text[start:end]
        if other.startswith(ROW_START):
            continue
        theirs = figures_in(other) - asked
        if (
            not theirs
            or not named <= figures_in(other)
            or theirs & figures == figures
            or theirs <= figures
        ):
            continue
        shared, others = words & _words(other), words | _words(other)
        is_same = len(shared) >= SAME_WORDS * len(others)
        if is_same and kinds == {one.kind for one in quantities_in(other)}:
            return start, end
    return None


def _words(text: str) -> set[str]:
    return {word for word in tokenize(text) if not any(sign.isdigit() for sign in word)}


def _dated(passage: Passage, question: str) -> str:
    when, is_own = date_of(passage)
    note = _SAID["zh" if detect_language(question) == "zh" else "en"][1]
    return when if is_own or not when else f"{note} {when}"
