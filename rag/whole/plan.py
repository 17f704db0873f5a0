"""What an answer over whole documents will read, decided before the model is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from rag.catalog import Catalog
from rag.query import Query
from rag.tasks import Task, find_task, has_document_noun, is_pointing
from rag.types import Answer, Found, Hit, Passage, StoredDocument
from rag.where import Where
from rag.whole.meant import find_by_hits, find_named, find_spoken_of
from rag.whole.sections import passages_of
from rag.whole.texts import text_of

NUM_SEARCHED = 10
NUM_LISTED = 40  # chunks that are looked at for a list
LIST_SHARE = 0.5  # of the best hit's score that a hit must have to be read for a list
_WITHIN = re.compile(r"^(?P<what>.+)\s+(?:in|of|from|on)\s+(?P<name>.+)$", re.IGNORECASE)
_HAN_WITHIN = re.compile(r"^(?P<name>.+?)(?:文件|文档)?(?:之?中|里面?|上|内)的?(?P<what>.+)$")

Search = Callable[[str, int, Where], Found]
Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Plan:
    """`passages` are all that could be read, document by document. `sorry` is said, and nothing
    else, where it is not clear which document is meant, or there is nothing to read."""

    task: Task
    question: str
    language: str
    titles: tuple[str, ...]
    passages: tuple[Passage, ...]
    found: Found
    sorry: str = ""


class Planner:
    """Finds what a task reads. `search` takes what is searched, how many, and a filter."""

    def __init__(self, catalog: Catalog, count: Count) -> None:
        self._catalog = catalog
        self._count = count

    def plan(
        self, query: Query, where: Where, previous: Answer | None, search: Search
    ) -> Plan | None:
        """None if the question is no task over whole documents: then the best passages do."""
        task = find_task(query.asked)
        if task is None or query.is_about_answer:
            return None
        documents = self._documents(where, search)
        if task.kind == "list":
            return self._list(task, query, where, documents, previous, search)
        found = Found((), query.alone, where=where)
        meant: list[StoredDocument] = []
        for subject in task.subjects:
            if is_pointing(subject):
                one = self._spoken_of(previous, documents)
                if one is None:
                    sorry = text_of("which", query.language)
                    return Plan(task, query.asked, query.language, (), (), found, sorry)
            else:
                one = find_named(subject, documents)
                if one is None and task.kind == "summarize" and has_document_noun(subject):
                    path = find_by_hits(search(subject, NUM_SEARCHED, where).hits)
                    one = next((d for d in documents if d.path == path), None)
            if one is None:
                return None
            meant.append(one)
        if len({one.document_id for one in meant}) < len(task.subjects):
            return None  # two things in one document
        return self._of_documents(task, query, meant, found)

    def _documents(self, where: Where, search: Search) -> list[StoredDocument]:
        """Those that the filter lets through."""
        documents = self._catalog.documents()
        if not where:
            return documents
        return [
            one
            for one in documents
            if search(one.title, 1, where.also(Where(documents=(one.path,)))).hits
        ]

    def _spoken_of(
        self, previous: Answer | None, documents: Sequence[StoredDocument]
    ) -> StoredDocument | None:
        """The one that the last answer cites, else the only one there is."""
        path = find_spoken_of(previous)
        known = next((one for one in documents if one.path == path), None)
        return known or (documents[0] if len(documents) == 1 else None)

    def _of_documents(
        self, task: Task, query: Query, meant: Sequence[StoredDocument], found: Found
    ) -> Plan:
        passages: list[Passage] = []
        for one in meant:
            passages += self._passages(one.document_id, len(passages) + 1)
        titles = tuple(one.title for one in meant)
        sorry = ""
        if not passages:
            sorry = text_of("empty", query.language, titles=", ".join(titles))
        return Plan(task, query.asked, query.language, titles, tuple(passages), found, sorry)

    def _passages(
        self, document_id: int, first: int, among: Collection[int] | None = None
    ) -> list[Passage]:
        """Of all its chunks, or those among the ids; [] for a document that is gone."""
        try:
            text = self._catalog.document_text(document_id)
        except KeyError:
            return []
        chunks = self._catalog.chunks_of(document_id)
        kept = [chunk for chunk in chunks if among is None or chunk.chunk_id in among]
        return passages_of(kept, text, first, self._count)

    def _list(
        self,
        task: Task,
        query: Query,
        where: Where,
        documents: Sequence[StoredDocument],
        previous: Answer | None,
        search: Search,
    ) -> Plan | None:
        """The document named, whole; else all passages that match, document by document."""
        (subject,) = task.subjects
        inner = _WITHIN.match(subject) or _HAN_WITHIN.match(subject)
        if inner:
            name = inner["name"]
            is_back = is_pointing(name)
            one = self._spoken_of(previous, documents) if is_back else find_named(name, documents)
            if one:
                found = Found((), query.alone, where=where)
                return self._of_documents(task, query, [one], found)
        found = search(subject, NUM_LISTED, where)
        kept = _matching(found.hits)
        if not kept:
            return None
        passages: list[Passage] = []
        ids = {hit.chunk.chunk_id for hit in kept}
        for document_id in dict.fromkeys(hit.chunk.document_id for hit in kept):
            passages += self._passages(document_id, len(passages) + 1, ids)
        titles = tuple(dict.fromkeys(passage.title for passage in passages))
        found = replace(found, hits=kept)
        return Plan(task, query.asked, query.language, titles, tuple(passages), found)


def _matching(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits that come near the best one."""
    best = hits[0].score if hits else 0.0
    return tuple(hit for hit in hits if hit.score >= LIST_SHARE * best)
