"""The values that flow through Footnote, from a file on disk to a cited answer.

Offsets are half-open positions in characters of a document's stored text; pages are 1-based.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rag.claims import Verdict
from rag.refusal import Signals
from rag.structured.values import Structured
from rag.where import Mode, Where

MAX_CLOSEST = 3  # passages that a refusal names

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "record"]


@dataclass(frozen=True, slots=True)
class Block:
    """A structural unit of a document: `document.text[start:end]`.

    `headings` is the path of headings above it, outermost first. `page` is the page or slide.
    `header` is the table header line that a split table repeats in its encoded context.
    """

    start: int
    end: int
    kind: BlockKind
    headings: tuple[str, ...] = ()
    page: int | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of a file: its text and where everything in it stands.

    Blocks are in reading order, do not overlap, and hold all of the text but the whitespace
    between them. `notes` say what the reader found odd or left out, each with its cure.
    """

    title: str
    text: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document that is encoded and found as one: `document.text[start:end] == text`.

    `context` is what is encoded before the text (title and headings); it is never cited.
    """

    start: int
    end: int
    text: str
    context: str
    headings: tuple[str, ...]
    page: int | None
    language: str


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the catalog holds it. `path` is absolute; `content_hash` is SHA-256 in hex."""

    document_id: int
    path: str
    title: str
    content_hash: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the catalog holds it, with the document that it stands in."""

    chunk_id: int
    document_id: int
    path: str
    title: str
    ordinal: int
    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    page: int | None
    language: str

    @property
    def heading(self) -> str:
        """The heading path on one line."""
        return " > ".join(self.headings)


@dataclass(frozen=True, slots=True)
class Hit:
    """A found chunk. A higher score is better; ranks start at 1."""

    rank: int
    score: float
    chunk: StoredChunk


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and how.

    `query` is what was searched, `mode` how it was in the end, `where` what it was narrowed to.
    A hit's score is in standard deviations of meaning, with what its words add; in the lexical mode
    it is BM25, and a reranker's is in 0..1. `notes` are for people, each with its cure.
    `timings_ms` are milliseconds by step, `total` among them; of what is `cached` there is but the
    total.
    """

    hits: tuple[Hit, ...]
    query: str
    mode: Mode = "hybrid"
    where: Where = field(default_factory=Where)
    notes: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered piece of a document that a question is answered from.

    `number` is the marker that cites it, from 1; `document.text[start:end] == text`. `header` is
    the header line of the table that the passage begins in the middle of. `page` is where it
    begins; `next_pages` are the positions in the document where further pages begin, with these.
    """

    number: int
    document_id: int
    path: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    start: int
    end: int
    text: str
    score: float
    header: str = ""
    next_pages: tuple[tuple[int, int], ...] = ()

    @property
    def heading(self) -> str:
        """The heading path on one line."""
        return " > ".join(self.headings)

    @property
    def pages(self) -> str:
        """The page, or the first and the last as in 3-5; nothing where there are no pages."""
        if self.page is None:
            return ""
        last = self.next_pages[-1][1] if self.next_pages else self.page
        return str(self.page) if last == self.page else f"{self.page}-{last}"

    def page_at(self, position: int) -> int | None:
        """The page on which a position of the document stands."""
        turned = [page for start, page in self.next_pages if start <= position]
        return turned[-1] if turned else self.page


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class PackedPassage:
    """A passage of a prompt: its number, the tokens it takes there, how wide its hit was made."""

    number: int
    tokens: int
    scope: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hit, by its rank, that is not in the prompt or not as wide as was asked, and why.

    `tokens` are what it would take; of more than a passage, as far as it was counted.
    """

    rank: int
    path: str
    title: str
    heading: str
    tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class PackReport:
    """What a prompt was made of. All sizes are in tokens of the model that answers.

    `budget` is what the prompt may take, `room` what of it was free for passages; `turns` are
    pairs of a question and its answer. `scope` is what was asked for.
    """

    scope: str
    passages: tuple[PackedPassage, ...]
    left_out: tuple[LeftOut, ...]
    kept_turns: int
    dropped_turns: int
    prompt_tokens: int
    room: int
    budget: int

    @property
    def passage_tokens(self) -> int:
        """What the passages take in all."""
        return sum(passage.tokens for passage in self.passages)


@dataclass(frozen=True, slots=True)
class Citation:
    """A `[marker]` in an answer, bound to a span of a document.

    `quote == document.text[start:end]`; `document` is the document's title. `verdict` is what the
    check found of the statement; where it is not supported `fault` tells what is wrong (`words`,
    `figure`, `unit`, `name`, `negation`, `row`, `order`), and `detail` which, if it can be said.
    `pointer` is the JSON pointer of a value in an answer's JSON.
    """

    marker: int
    document_id: int
    document: str
    path: str
    page: int | None
    heading: str
    start: int
    end: int
    quote: str
    verdict: Verdict = "supported"
    fault: str = ""
    detail: str = ""
    pointer: str | None = None

    @classmethod
    def of(cls, passage: Passage, start: int, end: int) -> Citation:
        """Of `passage.text[start:end]`, on the page where that stands."""
        return cls(
            marker=passage.number,
            document_id=passage.document_id,
            document=passage.title,
            path=passage.path,
            page=passage.page_at(passage.start + start),
            heading=passage.heading,
            start=passage.start + start,
            end=passage.start + end,
            quote=passage.text[start:end],
        )

    @property
    def supported(self) -> bool:
        """Whether the quote bears the statement out."""
        return self.verdict == "supported"

    @property
    def label(self) -> str:
        """How the marker stands in the answer: `[2]`, or `[2?]` where the check failed."""
        return f"[{self.marker}]" if self.supported else f"[{self.marker}?]"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two sentences of different documents about the same thing, with different figures.

    `first` is the one that the answer cites. Dates are what the documents say of themselves, or
    else their files', which is said; "" where nothing tells.
    """

    first: Citation
    second: Citation
    first_date: str
    second_date: str


@dataclass(frozen=True, slots=True)
class Computation:
    """How a computed answer came about, for its reader to check.

    `path` is the document, "" where the table stands in the question; `query` is the SQL that was
    run over the `table` (a sheet, a heading, a kind of record). `result` is at most the first 100
    rows of what it gave.
    """

    path: str
    table: str
    query: str
    rows_used: int
    rows_total: int
    columns: tuple[str, ...]
    result: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `text` carries the labels of `citations`, one each, in order.

    `[?]` in the text follows a statement that no source was found for. `passages` are the
    numbered sources that the model saw, `hits` what the search found; `found` tells how, and
    `packing` what of it the model saw at what cost. On `signals` rests the decision whether they
    answer the question; None if nothing was written. `prompt` is what the model read: the prompt
    of a follow-up may begin with it. `computation` is there where it was computed over a table.
    `general` is the part of the text that is not from the documents, without its heading.
    `structured` is there where a JSON schema was given: its data as JSON, unlabelled, is the text.
    Where it is `cached` it was written for the same question before; its tokens were spent then.
    `is_cut` where the model was stopped at `max_answer_tokens` in the middle of it.
    """

    question: str
    text: str
    abstained: bool
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    prompt_tokens: int
    completion_tokens: int
    model: str
    timings_ms: dict[str, float] = field(default_factory=dict)
    found: Found | None = None
    signals: Signals | None = None
    disagreements: tuple[Disagreement, ...] = ()
    packing: PackReport | None = None
    prompt: tuple[Message, ...] = ()
    computation: Computation | None = None
    general: str = ""
    structured: Structured | None = None
    cached: bool = False
    is_cut: bool = False

    @property
    def closest(self) -> tuple[Passage, ...]:
        """The best passages of a refusal, for its reader to look into; () of an answer."""
        if not self.abstained:
            return ()
        return tuple(sorted(self.passages, key=lambda p: -p.score)[:MAX_CLOSEST])


# What a question gives while it is answered, in this order: SourcesFound once; AnswerText and
# CitationFound mixed, which joined are the answer's text; AnswerFinished once. While many parts
# are read, Progress comes between.


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The search is done; the written answer follows. `found` tells how it was searched.

    `packing` tells what of it the model sees; without a model there is none.
    """

    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    found: Found | None = None
    packing: PackReport | None = None


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CitationFound:
    """The next piece of the answer is this citation's label."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` parts are read; `text` says so, in the answer's language."""

    done: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The whole answer, checked."""

    answer: Answer


AnswerEvent = SourcesFound | AnswerText | CitationFound | Progress | AnswerFinished
