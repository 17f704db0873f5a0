"""A document's stored text as HTML with a span marked: tables, records, headings, lists, lines.

Every character from the document is escaped. Blocks are told from the stored text alone, which
keeps a blank line between them; what is a heading also from what the chunks stand under.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from rag.file_kinds import KINDS
from rag.types import StoredChunk
from rag.viewer_rows import ROWS, Span, TableBlock, block_at, cell_spans, is_row, lines
from rag.viewer_words import page_words

RECORD_SUFFIXES = frozenset([".json", ".jsonl", ".ndjson", ".xml"])
PLAIN_SUFFIXES = KINDS["code"] | {".log"}  # shown as they are, in one width
HEADED_KINDS = KINDS["word"] | KINDS["web"] | KINDS["book"] | KINDS["slides"] | KINDS["text"]
MAX_HEADING = 60  # characters of a line that is taken for a heading by its looks
MIN_HEADED = 80  # characters of the paragraph that must follow it then
_KEY = re.compile(r"[^:\n]{1,60}: ")
_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s")
_SENTENCE_END = frozenset('.。!！?？;；:：,，…”"')


class TextWriter:
    """Writes parts of one document's text; `text[start:end]` is marked.

    With `anchor` the first mark is what `#cite` leads to.
    """

    def __init__(
        self,
        text: str,
        span: Span,
        chunks: Sequence[StoredChunk],
        *,
        suffix: str = "",
        language: str = "en",
        anchor: bool = False,
    ) -> None:
        self.text = text
        self.start, self.end = span
        self.chunks = chunks
        self.suffix = suffix.lower()
        self.language = language
        self._anchor = anchor
        self._before: TableBlock | None = None  # the last table that was written
        self._levels = {
            heading: level
            for chunk in chunks
            for level, heading in enumerate(chunk.headings)
            if not ROWS.fullmatch(heading)
        }

    def write(self, first: int, last: int) -> str:
        """The lines of `text[first:last]`, which begin and end with whole ones."""
        if self.suffix in PLAIN_SUFFIXES:
            return f'<pre class="text">{self._marked(first, last)}</pre>'
        blocks = [*_blocks(self.text, first, last), []]
        shown: list[str] = []
        for block, following in pairwise(blocks):
            html = self._block(block, following)
            label = self._label(block[0][0])
            if label and shown and shown[-1].startswith("<h"):  # a slide begins with its heading
                shown.insert(-1, label)
                label = ""
            shown.append(label + html)
        return "".join(shown)

    def _block(self, block: list[Span], following: list[Span]) -> str:
        start, end = block[0][0], block[-1][1]
        if is_row(self.text[slice(*block[0])]):
            self._before = block_at(self.text, start, self.chunks, self._before)
            if self._before is not None:
                return self._table(self._before, start, end)
        if self.suffix in RECORD_SUFFIXES:
            return self._record(block)
        line = self.text[start:end]
        level = self._heading_level(line, following) if len(block) == 1 else None
        if level is not None:
            return f"<h{level}>{self._marked(start, end)}</h{level}>"
        kind = "text item" if _ITEM.match(line) else "text"
        return f'<div class="{kind}">{self._marked(start, end)}</div>'

    def _heading_level(self, line: str, following: list[Span]) -> int | None:
        """2 to 4: what chunks stand under is a heading, and what looks like one in prose."""
        if line in self._levels:
            return min(4, 2 + self._levels[line])
        looks = (
            self.suffix in HEADED_KINDS
            and len(line) <= MAX_HEADING
            and line[-1:] not in _SENTENCE_END
            and not _ITEM.match(line)
            and bool(following)
            and following[-1][1] - following[0][0] >= MIN_HEADED
            and not is_row(self.text[slice(*following[0])])
        )
        return 3 if looks else None

    def _label(self, position: int) -> str:
        """Where a record or slide stands in its file, at its beginning."""
        index = bisect_left(self.chunks, position, key=lambda chunk: chunk.start)
        if index == len(self.chunks) or self.chunks[index].start != position:
            return ""
        chunk = self.chunks[index]
        before = self.chunks[index - 1] if index else None
        label = ""
        if self.suffix in RECORD_SUFFIXES:
            changed = before is None or before.headings != chunk.headings
            label = chunk.heading if changed else ""
        elif self.suffix in KINDS["slides"] and chunk.page:
            changed = before is None or before.page != chunk.page
            label = page_words(self.suffix, chunk.page, self.language) if changed else ""
        return f'<p class="label">{escape(label)}</p>' if label else ""

    def _table(self, table: TableBlock, first: int, last: int) -> str:
        rows = [
            (number, row)
            for number, row in enumerate(table.rows, start=table.first_number or 0)
            if first <= row[0] < last and row != table.header
        ]
        numbered = table.first_number is not None
        head = self._cells(table.header, "th", anchored=first <= table.header[0] < last)
        body = "".join(self._row(number if numbered else None, row) for number, row in rows)
        corner = "<th></th>" if numbered else ""
        return (
            f'<div class="table" tabindex="0"><table><thead><tr>{corner}{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def _row(self, number: int | None, row: Span) -> str:
        cited = self.start < row[1] and row[0] < self.end
        name = ' class="cited"' if cited else ""
        first = f'<th scope="row">{number}</th>' if number is not None else ""
        return f"<tr{name}>{first}{self._cells(row, 'td', anchored=True)}</tr>"

    def _cells(self, row: Span, tag: str, *, anchored: bool) -> str:
        """A row's cells; a header that is repeated from elsewhere is not marked."""
        show = self._marked if anchored else lambda a, b: escape(self.text[a:b])
        return "".join(f"<{tag}>{show(a, b)}</{tag}>" for a, b in cell_spans(self.text, *row))

    def _record(self, block: list[Span]) -> str:
        pairs = []
        for start, end in block:
            key = _KEY.match(self.text, start, end)
            middle = key.end() if key else start
            name = f"<dt>{self._marked(start, middle)}</dt>" if key else ""
            pairs.append(f"<div>{name}<dd>{self._marked(middle, end)}</dd></div>")
        return f'<dl class="record">{"".join(pairs)}</dl>'

    def _marked(self, first: int, last: int) -> str:
        """`text[first:last]`, with what of the span lies in it marked."""
        start, end = max(first, self.start), min(last, self.end)
        if start >= end:
            return escape(self.text[first:last])
        name, self._anchor = (' id="cite"' if self._anchor else ""), False
        before, after = escape(self.text[first:start]), escape(self.text[end:last])
        return f"{before}<mark{name}>{escape(self.text[start:end])}</mark>{after}"


def _blocks(text: str, first: int, last: int) -> Iterator[list[Span]]:
    """Neighbouring lines that are not blank; a table's rows are apart from other lines."""
    block: list[Span] = []
    in_table = False
    for start, end in lines(text, first, last):
        line = text[start:end]
        if block and (not line.strip() or is_row(line) != in_table):
            yield block
            block = []
        if line.strip():
            in_table = is_row(line)
            block.append((start, end))
    if block:
        yield block
