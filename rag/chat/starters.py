"""Questions that an empty page offers: such as the user's own documents answer, told by rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePath

from rag.access import ReadableCatalog
from rag.catalog import Catalog
from rag.language import detect_language
from rag.tables.extract import extract_tables
from rag.tables.table import Table
from rag.types import StoredChunk, StoredDocument

Documents = Catalog | ReadableCatalog

NUM_STARTERS = 4
NUM_OWN = 3  # in the reader's language; the last one shows that another works too
NUM_DOCUMENTS = 12  # that are looked into, the newest ones
MAX_CHARACTERS = 200_000  # of a document, for its tables
MAX_LABEL = 64  # characters of a question that is shown in whole
MIN_PROSE = 80  # characters below a heading that says something
MAX_ROWS_TRIED = 3

# (label, question); the last of each language shows that the other one works too.
SAMPLE_NAMES = frozenset({"x200-user-manual.pdf", "差旅报销制度.md", "employee-handbook.docx"})
SAMPLE_STARTERS = {
    "en": (
        ("What does fault code E12 mean?", "What does fault code E12 on the X200 control panel"
         " mean and how long should the instrument stay switched off?"),
        ("How many days of annual leave are there in Bristol?", "How many days of annual leave"
         " does a full-time employee in Bristol get before any extra for long service?"),
        ("How long is the guarantee in the Ningbo contract?", "For how many months does the quality"
         " guarantee run under the aluminium stand purchase contract with Ningbo Lifeng?"),
        ("国内出差每天的餐饮补助是多少？", "苏州总部员工国内出差每天的餐饮补助是多少？"),
    ),
    "zh": (
        ("国内出差每天的餐饮补助是多少？", "苏州总部员工国内出差每天的餐饮补助是多少？"),
        ("F30固定螺钉的拧紧力矩是多少？", "更换F30光源组件时，固定螺钉的拧紧力矩是多少？"),
        ("布里斯托员工的学习预算是多少？", "布里斯托员工每年的学习预算是多少英镑？"),
        ("What does fault code E12 mean?", "What does fault code E12 on the X200 control panel"
         " mean and how long should the instrument stay switched off?"),
    ),
}  # fmt: skip
GENERIC_STARTERS = {
    "en": (
        "What are these documents about?",
        "Which dates and deadlines do the documents name?",
        "Which prices, amounts or limits do the documents set?",
        "这些文档的主要内容是什么？",
    ),
    "zh": (
        "这些文档的主要内容是什么？",
        "文档中规定了哪些日期和期限？",
        "文档中有哪些价格、金额或限额？",
        "What are these documents about?",
    ),
}
_TEMPLATES = {
    "en": {
        "cell": "What is the {column} of {row}?",
        "heading": "What does “{title}” say about “{heading}”?",
        "short": "What is said about “{heading}”?",
        "summary": "Summarize “{title}”",
    },
    "zh": {
        "cell": "{row}的{column}是多少？",
        "heading": "《{title}》中关于“{heading}”是怎么说的？",
        "short": "关于“{heading}”是怎么说的？",
        "summary": "总结《{title}》",
    },
}
_NUMBERING = re.compile(
    r"^(?:(?i:chapter|section|part|appendix)\s+)?(?:\d+(?:\.\d+)*[.)、:：]?(?=\D)|[A-Z][.)、:：]|"
    r"第[一二三四五六七八九十百\d]+[章节条部分]+|[一二三四五六七八九十百]+[、.．)）]|"
    r"[（(][一二三四五六七八九十\d]+[)）])\s*"
)
_EMPTY_HEADING = re.compile(
    r"(?:table of )?contents?|introduction|overview|general|preface|foreword|summary|appendix.*|"
    r"notes?|about.*|abstract|references|slide \d+|page \d+|sheet ?\d*|rows \d.*|"
    r"目录|前言|引言|概述|总则|简介|附录.*|附则|说明|备注|摘要|参考文献|封面",
    re.IGNORECASE,
)
_WORDY = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class StarterQuestion:
    """A question that the empty page offers."""

    label: str
    question: str


class StarterCache:
    """The questions by reader and language; thought out anew when the documents have changed."""

    def __init__(self) -> None:
        self._sequence = -1
        self._found: dict[tuple[str, str], list[StarterQuestion]] = {}

    def questions(
        self, catalog: ReadableCatalog, reader: str, language: str | None
    ) -> list[StarterQuestion]:
        """From what the reader of that name may read."""
        own = "zh" if (language or "").lower().startswith("zh") else "en"
        if (sequence := catalog.sequence()) != self._sequence:
            self._sequence, self._found = sequence, {}
        if (reader, own) not in self._found:
            self._found[reader, own] = starters(catalog, own)
        return self._found[reader, own]


def starters(catalog: Documents, language: str) -> list[StarterQuestion]:
    """Four questions for a reader of `en` or `zh`; general ones while nothing is indexed."""
    documents = catalog.documents()
    if {PurePath(document.path).name for document in documents} >= SAMPLE_NAMES:
        return [StarterQuestion(*one) for one in SAMPLE_STARTERS[language]]
    newest = sorted(documents, key=lambda one: -one.mtime_ns)[:NUM_DOCUMENTS]
    found = list(_spread([_of_document(one, catalog) for one in newest]))
    own = [question for told, question in found if told == language]
    others = [question for told, question in found if told != language]
    chosen = own[: NUM_OWN if others else NUM_STARTERS]
    chosen += others[: NUM_STARTERS - len(chosen)]
    general = [StarterQuestion(one, one) for one in GENERIC_STARTERS[language]]
    return [*chosen, *general][:NUM_STARTERS]


def _spread(
    several: Sequence[Sequence[tuple[str, StarterQuestion]]],
) -> Iterator[tuple[str, StarterQuestion]]:
    """The first of every document, then the second ones; each question once."""
    seen: set[str] = set()
    for layer in zip_longest(*several):
        for one in layer:
            if one is not None and one[1].question not in seen:
                seen.add(one[1].question)
                yield one


def _of_document(document: StoredDocument, catalog: Documents) -> list[tuple[str, StarterQuestion]]:
    """What it answers, the most telling first, with the language each is in."""
    try:
        chunks = catalog.chunks_of(document.document_id)
        text = catalog.document_text(document.document_id)
    except KeyError:  # deleted meanwhile
        return []
    if not chunks:
        return []
    language = "zh" if detect_language(text) in ("zh", "ja") else "en"
    title = document.title
    tables = extract_tables(text[:MAX_CHARACTERS], title, document.path, chunks)
    found = [*_cells(tables, language)][:1]
    found += [*_headings(chunks, title, language)][:1]
    summary = _TEMPLATES[language]["summary"].format(title=title)
    return [(language, one) for one in [*found, StarterQuestion(_short(summary), summary)]]


def _cells(tables: Sequence[Table], language: str) -> Iterator[StarterQuestion]:
    """What stands in a row that has a name, under a head that says what it is."""
    for table in tables:
        names, *others = table.columns
        for column in others:
            if names.kind != "text" or not _is_nameable(column.name, 24):
                continue
            rows = list(zip(names.values, column.values, strict=True))[:MAX_ROWS_TRIED]
            for row, value in rows:
                if value is not None and _is_nameable(str(row), 30):
                    question = _TEMPLATES[language]["cell"].format(column=column.name, row=row)
                    yield StarterQuestion(_short(question), question)


def _headings(
    chunks: Sequence[StoredChunk], title: str, language: str
) -> Iterator[StarterQuestion]:
    """What is said below a heading; those with figures below them first."""
    telling = sorted(chunks, key=lambda chunk: not any(map(str.isdigit, chunk.text)))
    for chunk in telling:
        heading = _NUMBERING.sub("", chunk.headings[-1]).strip() if chunk.headings else ""
        if heading.endswith(("?", "？")) and len(heading) > 8:
            yield StarterQuestion(_short(heading), heading)
        elif _says_something(heading, title) and len(chunk.text) >= MIN_PROSE:
            words = _TEMPLATES[language]
            question = words["heading"].format(title=title, heading=heading)
            is_short = len(question) <= MAX_LABEL
            shown = question if is_short else words["short"].format(heading=heading)
            yield StarterQuestion(_short(shown), question)


def _says_something(heading: str, title: str) -> bool:
    return (
        _is_nameable(heading, 48)
        and heading.casefold() != title.casefold()
        and not _EMPTY_HEADING.fullmatch(heading)
    )


def _is_nameable(text: str, limit: int) -> bool:
    """Whether it is short, on one line, and has a word."""
    return len(text) <= limit and "\n" not in text and _WORDY.search(text) is not None


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1].rstrip() + "…"
