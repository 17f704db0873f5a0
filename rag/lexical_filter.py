"""How a word search is narrowed to a set of chunk ids, in the way that is fast for that set.

The costs were measured on a million chunks in 8 segments, in a program that did nothing else.
"""

from __future__ import annotations

import math
from typing import Any

from rag.id_set import IdSet

# Milliseconds that tantivy takes to test a set of ids, by the way in which it is told the set:
COLUMN_SPAN_MS = 1.0  # each run of ids as a span of a column
TERM_SPAN_MS, TERM_MS = 0.05, 0.0005  # each run as a span of terms, and each id in it
MEMBER_MS, SOME_MEMBERS_MS = 0.001, 30.0  # each id, and any at all
COMPACT_MS = 15.0  # below, it is tested at once: looking through more hits takes no less
FIRST_FETCH = 2.0  # times as many hits as should hold the wanted number of allowed ones
MAX_FETCHED = 20_000  # of an unfiltered search, before membership is tested by tantivy


class LexicalFilter:
    """A set of ids as tantivy tests it; made once for a set, and only then when it is needed."""

    def __init__(self, tantivy: Any, schema: Any, ids: IdSet) -> None:
        self._tantivy = tantivy
        self._schema = schema
        self._ids = ids
        self._runs = ids.runs()
        self._query: Any = None
        num_runs, num_ids = len(self._runs), len(ids)
        self._column_ms = COLUMN_SPAN_MS * num_runs
        self._terms_ms = TERM_SPAN_MS * num_runs + TERM_MS * num_ids
        self._members_ms = SOME_MEMBERS_MS + MEMBER_MS * num_ids

    @property
    def is_compact(self) -> bool:
        """Whether testing it costs less than looking through more hits."""
        return min(self._column_ms, self._terms_ms) <= COMPACT_MS

    def num_fetched(self, k: int, num_held: int) -> int | None:
        """How many unfiltered hits probably hold k allowed ones; None if too many."""
        wanted = FIRST_FETCH * k * num_held / len(self._ids)
        return max(k, math.ceil(wanted)) if wanted <= MAX_FETCHED else None

    def query(self) -> Any:
        """It as a part of a query, which narrows and adds no score."""
        if self._query is None:
            best = min(self._column_ms, self._terms_ms, self._members_ms)
            made = self._members() if best == self._members_ms else self._spans()
            self._query = self._tantivy.Query.const_score_query(made, 0.0)
        return self._query

    def _members(self) -> Any:
        ids = self._ids.ids().tolist()
        return self._tantivy.Query.term_set_query(self._schema, "chunk_id", ids)

    def _spans(self) -> Any:
        maker, kind = self._tantivy.Query, self._tantivy.FieldType.Unsigned
        by_terms = self._terms_ms < self._column_ms
        spans = [
            maker.range_query(
                self._schema, "chunk_id", kind, first, last, use_inverted_index=by_terms
            )
            for first, last in self._runs.tolist()
        ]
        return maker.boolean_query([(self._tantivy.Occur.Should, span) for span in spans])
