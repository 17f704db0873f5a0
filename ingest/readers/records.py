"""JSON and JSON Lines, record by record, each with its path and readable lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.text import read_plain
from ingest.readers.xml_tree import check_size
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
    """Read JSON Lines: every line is a record `$[n]`, counted from 0.

    Lines that are not JSON are kept as they stand, after the others, and noted.
    """
    builder = DocumentBuilder()
    index, broken = 0, list[tuple[int, str]]()
    for number, line in enumerate(read_plain(path).lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records = list(json_records(_loads(line), f"$[{index}]"))
        except (json.JSONDecodeError, RecursionError) as error:
            builder.add_note(f"{path}: line {number} is not JSON ({error}); correct or remove it")
            broken.append((number, line))
            continue
        for record_path, text in records:
            builder.add_record(record_path, text)
        index += 1
    if broken and not index:
        message = f"{path}: line {broken[0][0]} is not JSON, nor any other; correct or remove them"
        raise ReadError("damaged", message)
    for number, line in broken:
        builder.add_record(f"line {number}, not JSON", line)
    return builder.build(path.stem)


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
    check_size(text)
    # Numbers stay as written: a float would turn 12.50 into 12.5.
    return json.loads(text, parse_float=str, parse_int=str)
