"""What an agent can do with Footnote over the Model Context Protocol: four tools, all reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rag.ask_options import AskOptions
from rag.catalog import Catalog
from rag.catalog_listing import ListedDocument
from rag.cli_answers import answer_json
from rag.cli_hits import search_json
from rag.errors import SearchError
from rag.mcp_schemas import MAX_READ_CHARACTERS, NARROWING, TOOLS, USUAL_READ_CHARACTERS
from rag.scopes import check_scope
from rag.types import (
    Answer,
    AnswerFinished,
    AnswerText,
    Found,
    Progress,
    SourcesFound,
)
from rag.where import Where, check_mode
from rag.where_documents import DocumentFilter
from rag.where_match import Matcher

if TYPE_CHECKING:
    from rag.pipeline import Footnote
    from rag.recorded import RecordedFootnote

PIECES_EVERY = 20  # of an answer's text, between two notes of progress
ANSWER_KEYS = (
    *("question", "answer", "abstained", "general_knowledge", "citations", "closest"),
    *("disagreements", "computation", "usage", "model", "cut_off"),
)


class Serving(Protocol):
    """What the tools need of a running Footnote; `footnote` waits until it is ready."""

    @property
    def footnote(self) -> Footnote | RecordedFootnote: ...
    @property
    def catalog(self) -> Catalog: ...


Tell = Callable[[float, float | None, str], None]  # progress, total if known, a line
Result = tuple[str, dict[str, Any]]  # for a reader, and for a program


class Tools:
    """The tools. `narrow` gives what the caller may see; everything is narrowed to it."""

    def __init__(self, service: Serving, narrow: Callable[[], Where] = Where) -> None:
        self._service, self._narrow = service, narrow

    def call(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> Result:
        """Arguments as the schema says. Raises FootnoteError with the cure.

        `tell` may raise, which ends the answer under way.
        """
        match name:
            case "search":
                return self._search(arguments)
            case "ask":
                return self._ask(arguments, tell)
            case "read_document":
                return self._read(arguments)
            case "list_documents":
                return self._list(arguments)
        known = ", ".join(tool.name for tool in TOOLS)
        raise SearchError(f"There is no tool {name!r}. There are: {known}.")

    def _where(self, arguments: Mapping[str, Any]) -> Where:
        given = {name: arguments[name] for name in NARROWING if name in arguments}
        return self._narrow().also(Where.from_json(given))

    def _search(self, arguments: Mapping[str, Any]) -> Result:
        found = self._service.footnote.find(
            arguments["query"],
            arguments.get("top_k", 10),
            mode=check_mode(arguments.get("mode", "hybrid")),
            where=self._where(arguments),
        )
        return _found_text(found), search_json(found)

    def _ask(self, arguments: Mapping[str, Any], tell: Tell) -> Result:
        scope = check_scope(arguments.get("scope", "auto"))
        options = AskOptions(where=self._where(arguments), scope=scope)
        events = self._service.footnote.stream(arguments["question"], options=options)
        step, num_texts = 0, 0
        try:
            for event in events:
                step += 1
                match event:
                    case SourcesFound(passages=passages):
                        tell(step, None, f"{len(passages)} passages found")
                    case Progress(done=done, total=total, text=text):
                        tell(step, None, f"{text} ({done}/{total})")
                    case AnswerText():
                        num_texts += 1
                        if num_texts % PIECES_EVERY == 1:
                            tell(step, None, "writing the answer")
                    case AnswerFinished(answer=answer):
                        tell(step, step, "done")
                        made = answer_json(answer)
                        return _answer_text(answer), {key: made[key] for key in ANSWER_KEYS}
        finally:
            events.close()
        raise AssertionError("a stream ends with AnswerFinished")

    def _read(self, arguments: Mapping[str, Any]) -> Result:
        catalog = self._service.catalog
        with catalog.snapshot():
            document = self._document(arguments["document"])
            text = catalog.document_text(document.document_id)
            chunks = catalog.chunks_of(document.document_id)
        start, end = arguments.get("start", 0), arguments.get("end")
        if (page := arguments.get("page")) is not None:
            if "start" in arguments or "end" in arguments:
                raise SearchError("Give either a page or a span (start and end), not both.")
            starts = [c.start for c in chunks if c.page == page]
            if not starts:
                last = max((c.page for c in chunks if c.page), default=0)
                cure = f"It has {last} pages." if last else "It has no pages: give start and end."
                raise SearchError(f"There is no page {page} with text in {document.path}. {cure}")
            start = min(starts)
            later = [c.start for c in chunks if c.page and c.page > page and c.start > start]
            end = min(later, default=len(text))
        if start > len(text) or (end is not None and end < start):
            raise SearchError(
                f"There is no span {start} to {end} in {document.path}: "
                f"it has {len(text)} characters. Start within it, and end after the start."
            )
        wanted = start + USUAL_READ_CHARACTERS if end is None else end
        end = min(wanted, start + MAX_READ_CHARACTERS, len(text))
        pages = [c.page for c in chunks if c.page and c.start < end and c.end > start]
        told = {
            **_document_json(document),
            "start": start,
            "end": end,
            "num_characters": len(text),
            "pages": sorted(set(pages)),
            "next_start": end if end < len(text) else None,
            "text": text[start:end],
        }
        return text[start:end], told

    def _document(self, named: int | str) -> ListedDocument:
        """Raises SearchError alike if there is none and if the caller may not see it."""
        wanted = Matcher(Where(documents=(named,)))
        readable = self._readable(self._narrow())
        fitting = [one for one in readable if wanted.accepts(one.document_id, one.path)]
        found = [one for one in fitting if one.path == named] or fitting
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(str(document.document_id) for document in found[:5])
            raise SearchError(
                f"{len(found)} documents are called {named!r}. Give one's number: {numbers}."
            )
        raise SearchError(
            f"There is no document {named!r}. list_documents and search tell the numbers; "
            "a file that changed has a new one."
        )

    def _readable(self, where: Where) -> list[ListedDocument]:
        """The documents of which all may be read, by path."""
        catalog = self._service.catalog
        with catalog.snapshot():
            wanted = DocumentFilter(where, catalog)
            return [one for one in catalog.listing() if wanted.accepts_whole(one)]

    def _list(self, arguments: Mapping[str, Any]) -> Result:
        where, after = self._where(arguments), arguments.get("cursor", "")
        limit = arguments.get("limit", 50)
        left = [one for one in self._readable(where) if one.path > after]
        shown, more = left[:limit], left[limit:]
        told = {
            "documents": [_document_json(document) for document in shown],
            "next_cursor": shown[-1].path if more else None,
        }
        lines = [f"{d.document_id}: {d.title} ({d.path})" for d in shown]
        return "\n".join(lines) or "There are no such documents.", told


def _document_json(document: ListedDocument) -> dict[str, Any]:
    return {
        "document": document.document_id,
        "title": document.title,
        "path": document.path,
        "bytes": document.size,
    }


def _found_text(found: Found) -> str:
    lines = [f"Note: {note}" for note in found.notes]
    for hit in found.hits:
        chunk = hit.chunk
        page = f", p. {chunk.page}" if chunk.page else ""
        place = f"{chunk.title}{page} (document {chunk.document_id}, {chunk.start}-{chunk.end})"
        lines.append(f"{hit.rank}. {place}\n{chunk.text}")
    return "\n\n".join(lines) if found.hits else "\n".join([*lines, "Nothing was found."])


def _answer_text(answer: Answer) -> str:
    sources = []
    for citation in answer.citations:
        page = f", p. {citation.page}" if citation.page else ""
        place = f"{citation.document}{page} (document {citation.document_id})"
        line = f"{citation.label} {place}: {json.dumps(citation.quote, ensure_ascii=False)}"
        sources.append(line)
    return "\n\n".join([answer.text, "\n".join(dict.fromkeys(sources))]).strip()
