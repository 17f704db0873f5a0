"""Whether a filter lets a whole document through, for those who read or list documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from rag.types import StoredDocument
from rag.where import Where
from rag.where_match import Matcher, is_container


def lets_through(
    where: Where, document: StoredDocument, languages_of: Callable[[int], Iterable[str]]
) -> bool:
    """Strictly: an archive of which only members pass does not, nor one partly in a language.

    `languages_of` gives the languages of a document's chunks.
    """
    changed = datetime.fromtimestamp(document.mtime_ns / 1e9).date()
    if where.after is not None and changed < where.after:
        return False
    if where.before is not None and changed >= where.before:
        return False
    if not Matcher(where).accepts(document.document_id, document.path):
        return False
    if where.languages and not set(languages_of(document.document_id)) <= set(where.languages):
        return False
    if where.none_of and is_container(document.path):
        return False  # what is in it is not looked at here
    if any(lets_through(one, document, languages_of) for one in where.none_of):
        return False
    return not where.any_of or any(
        lets_through(one, document, languages_of) for one in where.any_of
    )
