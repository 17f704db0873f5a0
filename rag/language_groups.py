"""The chunks of each language, kept up to date from the catalog's log."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rag.catalog import Catalog
from rag.catalog_reading import NO_IDS, Ids
from rag.id_set import IdSet
from rag.ranking import Scale

MIN_LANGUAGE_CHUNKS = 8  # a smaller group says nothing about its language
SAMPLED_CHUNKS = 2000
MAX_DRIFT = 0.01  # of a large group may change before it is measured again


@dataclass(frozen=True, slots=True)
class LanguageGroup:
    """The chunks of one language (of several that have few: ""), and what they have in common."""

    language: str
    ids: IdSet
    scale: Scale


@dataclass(slots=True)
class _Measured:
    """A scale, and how many chunks came and went since it was taken."""

    scale: Scale
    num_changes: int = 0


class LanguageGroups:
    """One group a language; languages of a few chunks share one. Safe to use from many threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._sequence = self._grouped_at = -1
        self._ids: dict[str, IdSet] = {}
        self._measured: dict[str, _Measured] = {}
        self._groups: list[LanguageGroup] = []

    def current(self) -> list[LanguageGroup]:
        """The groups as the catalog stands now; what the log says is all that is read."""
        with self._lock, self._catalog.snapshot():
            self._catch_up()
            if self._sequence != self._grouped_at:
                self._groups = self._make_groups()
                self._grouped_at = self._sequence
            return self._groups

    def chunks_in(self, languages: Iterable[str]) -> IdSet:
        """The chunks of some languages, as the catalog stands now."""
        found = IdSet()
        with self._lock, self._catalog.snapshot():
            self._catch_up()
            for language in languages:
                found |= self._ids.get(language, IdSet())
        return found

    def _catch_up(self) -> None:
        if (sequence := self._catalog.sequence()) != self._sequence:
            self._follow()
            self._sequence = sequence

    def _follow(self) -> None:
        if self._sequence < 0:
            by_language = self._catalog.chunk_ids_by_language()
            self._ids = {language: IdSet(ids) for language, ids in by_language.items()}
            return
        added, deleted, _ = self._catalog.changes_since(self._sequence, self._all_ids)
        added_by_language = self._catalog.chunk_ids_by_language(added)
        gone = np.array(deleted, dtype=np.int64)
        for language in self._ids.keys() | added_by_language.keys():
            before = self._ids.get(language, IdSet())
            came = added_by_language.get(language, gone[:0])
            went = gone[before.contains(gone)]
            if num_changes := len(came) + len(went):
                self._ids[language] = before.with_changes(came, went)
                if language in self._measured:
                    self._measured[language].num_changes += num_changes

    def _all_ids(self) -> Ids:
        return np.concatenate([NO_IDS, *(ids.ids() for ids in self._ids.values())])

    def _make_groups(self) -> list[LanguageGroup]:
        small, found = IdSet(), list[tuple[str, IdSet, Scale]]()
        for language, ids in sorted(self._ids.items()):
            if len(ids) >= MIN_LANGUAGE_CHUNKS:
                found.append((language, ids, self._scale(language, ids)))
            else:
                small |= ids
        if len(small):
            found.append(("", small, self._measure(small)))
        if len(found) < 2:
            return [LanguageGroup(*one) for one in found]
        whole = Scale.pooled([scale for _, _, scale in found])
        return [LanguageGroup(name, ids, scale.steadied(whole)) for name, ids, scale in found]

    def _scale(self, language: str, ids: IdSet) -> Scale:
        known = self._measured.get(language)
        allowed_changes = MAX_DRIFT * len(ids) if len(ids) > SAMPLED_CHUNKS else 0
        if known is None or known.num_changes > allowed_changes:
            known = _Measured(self._measure(ids))
            self._measured[language] = known
        return known.scale

    def _measure(self, ids: IdSet) -> Scale:
        all_ids = ids.ids()
        sample = all_ids[:: -(-len(all_ids) // SAMPLED_CHUNKS)]
        return Scale.of(self._catalog.vectors(sample.tolist()), len(all_ids))
