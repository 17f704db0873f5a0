"""Comments in slides and sheets: a line each, with who wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.readers.xml_tree import local_name

_THREAD = "tc="  # the author of an old comment that stands for a thread of new ones


def remark(author: str | None, text: str, place: str = "") -> str:
    """The line of a comment: `[B2, Jane]: text`; "" where it says nothing."""
    who = ", ".join(filter(None, (place, author)))
    text = text.strip()
    return f"[{who}]: {text}" if who and text else text


def names_by_id(tree: Any) -> dict[str, str]:
    """Who comments, from a list of authors or persons."""
    people = () if tree is None else tree
    return {
        person.get("id", ""): person.get("name") or person.get("displayName") or ""
        for person in people
        if local_name(person)
    }


def slide_remarks(tree: Any, authors: dict[str, str]) -> Iterator[str]:
    """The comments on a slide, answers after what they answer, in the old form and the new."""
    for element in tree.iter("{*}cm", "{*}reply"):
        own = element.find("{*}text")
        body = element.find("{*}txBody") if own is None else own
        if body is not None:
            paragraphs = ["".join(t.text or "" for t in p.iter("{*}t")) for p in body.iter("{*}p")]
            text = "\n".join(paragraphs) if own is None else own.text or ""
            yield remark(authors.get(element.get("authorId", "")), text)


def sheet_remarks(tree: Any) -> Iterator[str]:
    """The notes on a sheet's cells; those that stand for a thread are left to it."""
    authors = [author.text or "" for author in tree.iterfind("{*}authors/{*}author")]
    for comment in tree.iter("{*}comment"):
        number = comment.get("authorId", "")
        author = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
        if not author.startswith(_THREAD):
            text = "".join(part.text or "" for part in comment.iter("{*}t"))
            yield remark(author, text, comment.get("ref", ""))


def thread_remarks(tree: Any, persons: dict[str, str]) -> Iterator[str]:
    """The threads of comments on a sheet's cells."""
    for comment in tree.iter("{*}threadedComment"):
        text = comment.findtext("{*}text") or ""
        yield remark(persons.get(comment.get("personId", "")), text, comment.get("ref", ""))
