"""BM25 search over words, with tantivy. The words are our own, so that every script works."""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from rag.disk import is_disk_error
from rag.errors import IndexStateError
from rag.id_set import IdSet
from rag.lexical_filter import MAX_FETCHED, LexicalFilter
from rag.words import UNSPACED, tokenize

TOKENIZER = "footnote_whitespace"
SEQUENCE_FILE = "footnote.sequence.json"
FORMAT_VERSION = 2
WRITER_HEAP_BYTES = 96_000_000
MIN_FORM_LETTERS = 4
_UNSPACED = re.compile(f"[{UNSPACED}]")
BROAD = 10  # what lets through more than a tenth: a few hundred hits hold enough of it


class LexicalIndex:
    """A tantivy index of chunk texts, in a folder or (path None) in memory.

    `sequence` is the last change of the catalog's log that the index holds. It is written just
    after tantivy's commit: a crash between the two replays changes, which is harmless.
    """

    def __init__(self, path: Path | None) -> None:
        import tantivy

        self._tantivy: Any = tantivy
        self._path = path
        self._lock = threading.RLock()
        self._writer: Any = None
        self._sequence = 0
        self._filters: WeakKeyDictionary[IdSet, LexicalFilter] = WeakKeyDictionary()
        self._schema = self._make_schema()
        try:
            if path is None:
                self._index: Any = tantivy.Index(self._schema)
            else:
                path.mkdir(parents=True, exist_ok=True)
                _check_format(path / SEQUENCE_FILE)
                self._index = tantivy.Index(self._schema, path=str(path))
        except (OSError, ValueError) as error:
            if is_disk_error(error):
                raise
            raise IndexStateError(
                f"The word index {path} cannot be opened ({error}). "
                "It is derived: delete it and it is rebuilt from the catalog."
            ) from error
        whitespace = tantivy.Tokenizer.whitespace()
        self._index.register_tokenizer(TOKENIZER, tantivy.TextAnalyzerBuilder(whitespace).build())
        stemming = tantivy.TextAnalyzerBuilder(whitespace).filter(tantivy.Filter.stemmer("english"))
        self._stemmer: Any = stemming.build()
        self._index.config_reader(reload_policy="manual")
        self.reload()

    def _make_schema(self) -> Any:
        builder = self._tantivy.SchemaBuilder()
        builder.add_unsigned_field("chunk_id", stored=True, indexed=True, fast=True)
        builder.add_text_field("language", tokenizer_name="raw", index_option="basic")
        builder.add_text_field("body", tokenizer_name=TOKENIZER, index_option="freq")
        builder.add_text_field("forms", tokenizer_name=TOKENIZER, index_option="basic")
        return builder.build()

    @property
    def sequence(self) -> int:
        return self._sequence

    @property
    def in_memory(self) -> bool:
        return self._path is None

    def apply(
        self,
        added: Iterable[tuple[int, str, str]],
        deleted_ids: Iterable[int],
        sequence: int,
    ) -> None:
        """Add (chunk id, text, language) and delete ids, in one commit; repeatable."""
        with self._lock:
            if self._writer is None:
                self._writer = self._open_writer()
            try:
                new = list(added)
                stale = [int(i) for i in deleted_ids] + [int(row[0]) for row in new]
                if stale:  # delete_documents_by_term finds no unsigned values (tantivy 0.27)
                    self._writer.delete_documents_by_query(self._members(stale))
                for chunk_id, text, language in new:
                    self._writer.add_document(self._document(int(chunk_id), text, language))
                self._writer.commit()
            except BaseException:
                self._writer.rollback()
                raise
            self._index.reload()  # first: what is committed is found, whatever comes
            self._sequence = sequence
            self._write_sequence()

    def _open_writer(self) -> Any:
        try:
            writer = self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
            writer.garbage_collect_files()  # what a killed writer left would stop the next commit
            return writer
        except ValueError as error:
            raise IndexStateError(
                f"The word index {self._path} is being written by another process ({error}). "
                "Wait for it, or stop it."
            ) from error

    def _members(self, chunk_ids: list[int]) -> Any:
        return self._tantivy.Query.term_set_query(self._schema, "chunk_id", chunk_ids)

    def _document(self, chunk_id: int, text: str, language: str) -> Any:
        document = self._tantivy.Document()
        document.add_unsigned("chunk_id", chunk_id)
        document.add_text("language", language)
        words = tokenize(text)
        document.add_text("body", " ".join(self._stems(words)))
        document.add_text("forms", " ".join({word for word in words if _has_ending(word)}))
        return document

    def terms(self, text: str) -> list[str]:
        """The words of a text as the index counts them: without their English endings.

        Words of other languages lose what looks like one, in documents and in questions alike.
        """
        return self._stems(tokenize(text))

    def _stems(self, words: Sequence[str]) -> list[str]:
        found: list[str] = self._stemmer.analyze(" ".join(words))
        return found

    def _write_sequence(self) -> None:
        if self._path is None:
            return
        target = self._path / SEQUENCE_FILE
        temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT_VERSION, "sequence": self._sequence}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)

    def reload(self) -> None:
        """See what another process committed."""
        with self._lock:
            if self._path is not None:
                # The number first: what is committed after it is only more than it promises.
                self._sequence = self._read_sequence(self._path / SEQUENCE_FILE)
            self._index.reload()

    def _read_sequence(self, file: Path) -> int:
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
            return int(state["sequence"]) if state["format"] == FORMAT_VERSION else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0  # nothing is promised, so everything is replayed

    def search(
        self,
        query: str,
        k: int,
        allowed: IdSet | Set[int] | None = None,
        languages: Sequence[str] = (),
    ) -> list[tuple[int, float]]:
        """The k best (chunk id, BM25 score) that hold any token of the query, best first.

        `allowed` are the only ids that may be found; when it is empty nothing is found.
        `languages`, if any are given, are those of which a hit must be one.
        """
        words = list(dict.fromkeys(self.terms(query)))
        if k < 1 or not words or (allowed is not None and not len(allowed)):
            return []
        wanted = self._any_of("body", words)
        searcher = self._index.searcher()
        num_held = int(searcher.num_docs)
        if languages:
            spoken = self._tantivy.Query.const_score_query(self._any_of("language", languages), 0.0)
            wanted = self._both(wanted, spoken)
            num_held = sum(int(searcher.doc_freq("language", code)) for code in languages)
        if allowed is None:
            return self._hits(searcher, wanted, k)
        members = allowed if isinstance(allowed, IdSet) else IdSet(allowed)
        return self._search_among(searcher, wanted, num_held, k, members)

    def scores_of(self, query: str, chunk_ids: Iterable[int]) -> dict[int, float]:
        """BM25 of those of a few chunks that hold any token of the query.

        Asked id by id: a fifth of the time that a set takes in a million chunks.
        """
        maker, occur = self._tantivy.Query, self._tantivy.Occur
        words, ids = list(dict.fromkeys(self.terms(query))), list(chunk_ids)
        if not words or not ids:
            return {}
        members = [maker.term_query(self._schema, "chunk_id", chunk_id) for chunk_id in ids]
        among = maker.boolean_query(
            [(occur.Should, maker.const_score_query(member, 0.0)) for member in members]
        )
        wanted = self._both(self._any_of("body", words), among)
        return dict(self._hits(self._index.searcher(), wanted, len(ids)))

    def _any_of(self, field: str, terms: Sequence[str], at_least: int = 1) -> Any:
        maker, should = self._tantivy.Query, self._tantivy.Occur.Should
        kind = "freq" if field == "body" else "basic"
        queries = [maker.term_query(self._schema, field, term, kind) for term in terms]
        return maker.boolean_query([(should, query) for query in queries], at_least)

    def _both(self, wanted: Any, narrowing: Any) -> Any:
        must = self._tantivy.Occur.Must
        return self._tantivy.Query.boolean_query([(must, wanted), (must, narrowing)])

    def _search_among(
        self, searcher: Any, wanted: Any, num_held: int, k: int, allowed: IdSet
    ) -> list[tuple[int, float]]:
        """Look through more hits for those allowed; where that is too many, let tantivy test."""
        narrowing = self._filter(allowed)
        is_broad = len(allowed) * BROAD >= num_held
        tests_at_once = narrowing.is_compact and not is_broad
        num_fetched = None if tests_at_once else narrowing.num_fetched(k, num_held)
        while num_fetched is not None and num_fetched <= MAX_FETCHED:
            hits = self._hits(searcher, wanted, num_fetched)
            is_allowed = allowed.contains(np.array([i for i, _ in hits], dtype=np.int64))
            kept = [hit for hit, is_member in zip(hits, is_allowed, strict=True) if is_member]
            if len(kept) >= k or len(hits) < num_fetched:
                return kept[:k]
            num_fetched *= 5
        return self._hits(searcher, self._both(wanted, narrowing.query()), k)

    def _filter(self, allowed: IdSet) -> LexicalFilter:
        found = self._filters.get(allowed)
        if found is None:
            found = LexicalFilter(self._tantivy, self._schema, allowed)
            self._filters[allowed] = found
        return found

    def _hits(self, searcher: Any, query: Any, k: int) -> list[tuple[int, float]]:
        """The k best, ties by id."""
        hits = searcher.search(query, limit=k, count=False).hits
        ids = searcher.fast_field_values("chunk_id", [address for _, address in hits])
        found = [(int(i), float(score)) for i, (score, _) in zip(ids, hits, strict=True)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def total_weight(self, query: str) -> float:
        """The weights of a query's distinct terms, those that no chunk holds included."""
        return sum(self.weight(term) for term in set(self.terms(query)))

    def holding(self, words: Sequence[str], missing: int, limit: int) -> list[int]:
        """Up to `limit` ids of chunks that hold the words but for `missing`, best first."""
        return self.holding_terms(self.terms(" ".join(words)), missing, limit)

    def holding_terms(self, terms: Sequence[str], missing: int, limit: int) -> list[int]:
        """The same, of terms as the index has them."""
        once = list(dict.fromkeys(terms))
        if not once:
            return []
        wanted = self._any_of("body", once, max(1, len(once) - missing))
        return [chunk_id for chunk_id, _ in self._hits(self._index.searcher(), wanted, limit)]

    def count(self, word: str) -> int:
        """How many chunks hold a token as it is; deleted ones count until the index is merged."""
        field = "forms" if _has_ending(word) else "body"
        return int(self._index.searcher().doc_freq(field, word))

    def vocabulary(self, prefix: str, limit: int) -> list[tuple[str, int]]:
        """(word, chunks that hold it) of the words that begin so, with their endings."""
        found = self._index.searcher().terms_with_prefix("forms", prefix, limit=limit)
        return [(str(term), int(count)) for term, count in found]

    def pairs_from(self, character: str, limit: int) -> list[str]:
        """The pairs of a script without spaces that begin with a character."""
        found = self._index.searcher().terms_with_prefix("body", character, limit=limit)
        return [str(term) for term, _ in found]

    def weight(self, token: str) -> float:
        """BM25's inverse document frequency of a term."""
        searcher = self._index.searcher()
        held = int(searcher.doc_freq("body", token))
        return math.log(1 + (int(searcher.num_docs) - held + 0.5) / (held + 0.5))

    def ids(self) -> npt.NDArray[np.int64]:
        """All chunk ids, ascending."""
        searcher = self._index.searcher()
        if not searcher.num_docs:
            return np.zeros(0, dtype=np.int64)
        query = self._tantivy.Query.all_query()
        hits = searcher.search(query, limit=searcher.num_docs, count=False).hits
        ids = searcher.fast_field_values("chunk_id", [address for _, address in hits])
        return np.sort(np.array(ids, dtype=np.int64))

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs)

    def close(self) -> None:
        """Wait for merges and let the folder's lock go."""
        with self._lock:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None


def _has_ending(word: str) -> bool:
    """Whether a token is a word that may lose its ending, and so is kept as it is, too."""
    return len(word) >= MIN_FORM_LETTERS and word.isalpha() and not _UNSPACED.search(word)


def _check_format(file: Path) -> None:
    """Raises ValueError if the terms were made by other rules than today's."""
    if not file.is_file():
        return
    held = json.loads(file.read_text(encoding="utf-8")).get("format")
    if held != FORMAT_VERSION:
        raise ValueError(f"its format is {held}, not {FORMAT_VERSION}")
