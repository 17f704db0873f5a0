"""XML, record by record, each with its path and readable lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder, join_lines
from ingest.readers.records import RECORD_CHARACTERS
from ingest.readers.xml_tree import local_name, parse_xml
from rag.types import Document


def read_xml(path: Path) -> Document:
    """Read XML: elements become records with XPath paths such as `/catalog/book[2]`."""
    builder = DocumentBuilder()
    root = parse_xml(path.read_bytes())
    for record_path, text in xml_records(root, f"/{local_name(root)}", root=True):
        builder.add_record(record_path, text)
    return builder.build(path.stem)


def xml_records(element: Any, path: str, root: bool = False) -> Iterator[tuple[str, str]]:
    """Split an XML element into (path, text) records of readable size."""
    children = _children(element)
    totals, seen = Counter(map(local_name, children)), Counter[str]()
    # Repeated elements with attributes are records too, though they hold only text.
    nested = [
        child
        for child in children
        if _children(child) or (child.attrib and totals[local_name(child)] > 1)
    ]
    text = "\n".join(_xml_lines(element, ""))
    if _is_mixed(element) or not nested or not (root or len(text) > RECORD_CHARACTERS):
        yield path, text
        return
    chosen = set(map(id, nested))  # `in` a list of thousands would take quadratic time
    own = [line for child in children if id(child) not in chosen for line in _xml_lines(child)]
    yield path, "\n".join([*_attributes(element, ""), *own])
    for child in children:
        name = local_name(child)
        seen[name] += 1
        if id(child) in chosen:
            step = f"{name}[{seen[name]}]" if totals[name] > 1 else name
            yield from xml_records(child, f"{path}/{step}")


def _xml_lines(element: Any, key: str | None = None) -> Iterator[str]:
    key = local_name(element) if key is None else key
    children = _children(element)
    yield from _attributes(element, key)
    if not children or _is_mixed(element):
        if text := join_lines("".join(element.itertext()).split("\n")):
            yield f"{key}: {text}" if key else text
        return
    for child in children:
        yield from _xml_lines(child, f"{key}.{local_name(child)}" if key else local_name(child))


def _attributes(element: Any, key: str) -> list[str]:
    from lxml import etree

    named = [(etree.QName(name).localname, value) for name, value in element.attrib.items()]
    return [f"{key}.{name}: {value}" if key else f"{name}: {value}" for name, value in named]


def _children(element: Any) -> list[Any]:
    return [child for child in element if isinstance(child.tag, str)]  # no comments or entities


def _is_mixed(element: Any) -> bool:
    texts = [element.text, *(child.tail for child in element)] if len(element) else []
    return any(text and text.strip() for text in texts)
