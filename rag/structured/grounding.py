"""Looks up every value of a JSON answer in the sources: a citation where it stands, or a doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.sentences import split_sentences
from rag.structured.places import Place, Places
from rag.structured.schema import JsonSchema
from rag.structured.values import Doubt
from rag.support import SupportChecker
from rag.types import Citation, Passage
from rag.words import tokenize

PROSE_WORDS = 6  # a longer text that stands nowhere word by word is checked as a statement


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that states something, at its JSON pointer; `owner` is its object's or array's.

    `is_record` tells whether that is an object of an array, whose values belong together. With
    `is_name` it is a property's name that the schema leaves free.
    """

    pointer: str
    value: str | float | bool
    owner: str
    is_record: bool
    is_name: bool = False


def ground(
    data: Any, schema: JsonSchema, passages: Sequence[Passage], checker: SupportChecker
) -> tuple[tuple[Citation, ...], tuple[Doubt, ...]]:
    """The citations and doubts of all values, in the data's order."""
    leaves = list(leaves_of(data, schema.names))
    places = Places(passages)
    found = {leaf: _places_of(leaf, places) for leaf in leaves}
    citations: list[Citation] = []
    doubts: list[Doubt] = []
    for leaf in leaves:
        if found[leaf]:
            citations.append(_cite(leaf, _nearest(leaf, found)))
            if label := _other_row(leaf, found):
                doubts.append(Doubt(leaf.pointer, "row", label))
            continue
        stated = _as_statement(leaf, checker, schema)
        if isinstance(stated, Doubt):
            doubts.append(stated)
        elif stated:
            citations += stated
        else:
            doubts.append(_doubt(leaf, places, schema))
    return tuple(citations), tuple(doubts)


def leaves_of(
    data: Any, names: frozenset[str], pointer: str = "", is_record: bool = False, owner: str = ""
) -> Iterator[Leaf]:
    """Every value that states something, and every name that is not among the schema's `names`."""
    if isinstance(data, dict):
        for name, value in data.items():
            below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in names:
                yield Leaf(below, name, pointer, is_record, is_name=True)
            yield from leaves_of(value, names, below, is_record, pointer)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            is_object = isinstance(value, dict)
            yield from leaves_of(value, names, f"{pointer}/{index}", is_object, pointer)
    elif data is not None and data != "":
        yield Leaf(pointer, data, owner, is_record)


def _places_of(leaf: Leaf, places: Places) -> list[Place]:
    if isinstance(leaf.value, bool):
        return []
    return (
        places.of_text(leaf.value) if isinstance(leaf.value, str) else places.of_number(leaf.value)
    )


def _cite(leaf: Leaf, place: Place) -> Citation:
    return replace(Citation.of(place.passage, place.start, place.end), pointer=leaf.pointer)


def _nearest(leaf: Leaf, found: dict[Leaf, list[Place]]) -> Place:
    """Of a value's places the one that holds most of what stands beside it in the data."""
    beside = Counter(
        place for other, places in found.items() if other.owner == leaf.owner for place in places
    )
    return max(found[leaf], key=lambda place: beside[place])


def _other_row(leaf: Leaf, found: dict[Leaf, list[Place]]) -> str:
    """What names the record, if it stands in rows of a table and the value in others; else ""."""
    if not leaf.is_record or not all(place.is_row for place in found[leaf]):
        return ""
    record = [other for other in found if other.owner == leaf.owner and other.is_record]
    label = next((one for one in record if isinstance(one.value, str) and found[one]), leaf)
    rows = found[label]
    if label == leaf or not all(place.is_row and not place.is_head for place in rows):
        return ""
    return "" if set(rows) & set(found[leaf]) else str(label.value)


def _as_statement(
    leaf: Leaf, checker: SupportChecker, schema: JsonSchema
) -> list[Citation] | Doubt:
    """The citations of a text of the model's own words, its first sentence that fails, or []."""
    text = leaf.value
    if not isinstance(text, str) or text in schema.choices or len(tokenize(text)) < PROSE_WORDS:
        return []
    citations = []
    for start, end in split_sentences(text):
        citation = checker.attribute(text[start:end])
        if citation is None:
            return Doubt(leaf.pointer, "statement", text[start:end])
        citations.append(replace(citation, pointer=leaf.pointer))
    return citations


def _doubt(leaf: Leaf, places: Places, schema: JsonSchema) -> Doubt:
    value = leaf.value
    if isinstance(value, bool) or (value in schema.choices and not leaf.is_name):
        return Doubt(leaf.pointer, "judged")
    if not isinstance(value, str) and places.of_number(-value):
        return Doubt(leaf.pointer, "sign")
    return Doubt(leaf.pointer, "missing", value if leaf.is_name and isinstance(value, str) else "")
