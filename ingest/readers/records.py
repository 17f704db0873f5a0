"""JSON, JSON Lines and XML, record by record, each with its path and readable lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder, join_lines
from ingest.readers.text import read_plain
from rag.errors import ReadError
from rag.types import Document

RECORD_CHARACTERS = 2_000  # a larger object is split into its members


def read_json(path: Path) -> Document:
    """Read JSON: objects become records with JSONPath paths such as `$.orders[3]`."""
    builder = DocumentBuilder()
    value = _loads(read_plain(path).lstrip("\ufeff"))
    for record_path, text in json_records(value, "$", root=True):
        builder.add_record(record_path, text)
    return builder.build(path.stem)


def read_jsonl(path: Path) -> Document:
    """Read JSON Lines: every line is a record `$[n]`, counted from 0."""
    builder = DocumentBuilder()
    index = 0
    for number, line in enumerate(read_plain(path).lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _loads(line)
        except json.JSONDecodeError as error:
            message = f"{path}: line {number} is not JSON ({error}); correct or remove that line"
            raise ReadError("damaged", message) from error
        for record_path, text in json_records(value, f"$[{index}]"):
            builder.add_record(record_path, text)
        index += 1
    return builder.build(path.stem)


def read_xml(path: Path) -> Document:
    """Read XML: elements become records with XPath paths such as `/catalog/book[2]`."""
    builder = DocumentBuilder()
    root = parse_xml(path.read_bytes())
    for record_path, text in xml_records(root, f"/{_name(root)}", root=True):
        builder.add_record(record_path, text)
    return builder.build(path.stem)


def parse_xml(data: bytes) -> Any:
    """Parse XML that may be hostile: no entities, no network, libxml2's limits kept."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def json_records(value: Any, path: str, root: bool = False) -> Iterator[tuple[str, str]]:
    """Split a JSON value into (path, text) records of readable size."""
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from json_records(item, f"{path}[{index}]")
        return
    text = "\n".join(_json_lines(value, ""))
    if not isinstance(value, dict) or not _is_split(value, text, root):
        yield path, text
        return
    nested = {key: item for key, item in value.items() if isinstance(item, dict | list)}
    yield path, "\n".join(_json_lines({k: v for k, v in value.items() if k not in nested}, ""))
    for key, item in nested.items():
        yield from json_records(item, f"{path}.{key}")


def _is_split(value: dict[str, Any], text: str, root: bool) -> bool:
    lists = [item for item in value.values() if isinstance(item, list)]
    holds_records = any(isinstance(item, dict) for items in lists for item in items)
    return len(text) > RECORD_CHARACTERS or (root and holds_records)


def _json_lines(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _json_lines(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _json_lines(item, f"{key}[{index}]")
    elif text := ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value):
        yield f"{key}: {text}" if key else text


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _loads(text: str) -> Any:
    # Numbers stay as written: a float would turn 12.50 into 12.5.
    return json.loads(text, parse_float=str, parse_int=str)


def xml_records(element: Any, path: str, root: bool = False) -> Iterator[tuple[str, str]]:
    """Split an XML element into (path, text) records of readable size."""
    children = _children(element)
    totals, seen = Counter(map(_name, children)), Counter[str]()
    # Repeated elements with attributes are records too, though they hold only text.
    nested = [
        child
        for child in children
        if _children(child) or (child.attrib and totals[_name(child)] > 1)
    ]
    text = "\n".join(_xml_lines(element, ""))
    if _is_mixed(element) or not nested or not (root or len(text) > RECORD_CHARACTERS):
        yield path, text
        return
    own = [line for child in children if child not in nested for line in _xml_lines(child)]
    yield path, "\n".join([*_attributes(element, ""), *own])
    for child in children:
        name = _name(child)
        seen[name] += 1
        if child in nested:
            step = f"{name}[{seen[name]}]" if totals[name] > 1 else name
            yield from xml_records(child, f"{path}/{step}")


def _xml_lines(element: Any, key: str | None = None) -> Iterator[str]:
    key = _name(element) if key is None else key
    children = _children(element)
    yield from _attributes(element, key)
    if not children or _is_mixed(element):
        if text := join_lines("".join(element.itertext()).split("\n")):
            yield f"{key}: {text}" if key else text
        return
    for child in children:
        yield from _xml_lines(child, f"{key}.{_name(child)}" if key else _name(child))


def _attributes(element: Any, key: str) -> list[str]:
    from lxml import etree

    named = [(etree.QName(name).localname, value) for name, value in element.attrib.items()]
    return [f"{key}.{name}: {value}" if key else f"{name}: {value}" for name, value in named]


def _children(element: Any) -> list[Any]:
    return [child for child in element if isinstance(child.tag, str)]  # no comments or entities


def _is_mixed(element: Any) -> bool:
    texts = [element.text, *(child.tail for child in element)] if len(element) else []
    return any(text and text.strip() for text in texts)


def _name(element: Any) -> str:
    from lxml import etree

    return str(etree.QName(element).localname)
