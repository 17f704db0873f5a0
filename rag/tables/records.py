"""The records of JSON and XML files as tables: one column for each path of keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.tables.cells import fold, make_column
from rag.tables.table import Row, Table

SAME_KEYS = 0.5  # two records are of one table if they share more than so much of the keys
MIN_RECORDS = 2

_KEY = re.compile(r"([^\s:][^:\n]{0,79}): ?(.*)")
_ITEM = re.compile(r"(.+?)\[(\d+)\](?:\.(.+))?")


@dataclass(slots=True)
class _Record:
    start: int
    end: int
    fields: dict[str, str] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_records(text: str, title: str) -> list[Table]:
    """A table for each kind of record that comes more than once; lists within make their own."""
    groups: list[tuple[set[str], list[_Record]]] = []
    for record in _split(text):
        keys = {key for key in record.fields if "[" not in key} or set(record.fields)
        for known, members in groups:
            if len(keys & known) > SAME_KEYS * min(len(keys), len(known)):
                known |= keys
                members.append(record)
                break
        else:
            groups.append((keys, [record]))
    tables = []
    for _, members in groups:
        items = _items(members)
        if len(members) >= MIN_RECORDS:
            listed = {key for one in items for key in one.fields}
            plain = [key for key in _keys(members) if "[" not in key or key in listed]
            tables.append(_table(title, members, plain))
        if len(items) >= MIN_RECORDS:
            tables.append(_table(f"{title}: {_list_name(members)}", items, _keys(items)))
    return tables


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, a number behind those that came before: to SQL, `ID` and `id` are one."""
    kept: dict[str, str] = {}
    for name in names:
        unique, number = name, 2
        while fold(unique) in kept:
            unique, number = f"{name} ({number})", number + 1
        kept[fold(unique)] = unique
    return list(kept.values())


def _split(text: str) -> list[_Record]:
    """The records; a paragraph that does not begin with a key goes on with the value before."""
    records: list[_Record] = []
    start, is_new, key = 0, True, ""
    for line in text.split("\n"):
        end = start + len(line)
        found = _KEY.fullmatch(line)
        if not line.strip():
            is_new = True
        elif found and (is_new or found[1] not in records[-1].fields):
            if is_new or not records:
                records.append(_Record(start, end))
            key = found[1]
            records[-1].fields[key] = found[2].strip()
            records[-1].spans[key] = start, end
            is_new = False
        elif records and key:
            records[-1].fields[key] += f"\n{line.strip()}"
            records[-1].spans[key] = records[-1].spans[key][0], end
        if records and line.strip():
            records[-1].end = end
        start = end + 1
    return records


def _keys(records: Sequence[_Record]) -> list[str]:
    return list(dict.fromkeys(key for record in records for key in record.fields))


def _list_name(records: Sequence[_Record]) -> str:
    found = next(found for key in _keys(records) if (found := _ITEM.fullmatch(key)))
    return found[1]


def _items(records: Sequence[_Record]) -> list[_Record]:
    """What the records' first list of objects holds, each with the plain fields around it."""
    named = [found[1] for key in _keys(records) if (found := _ITEM.fullmatch(key)) and found[3]]
    items: list[_Record] = []
    for record in records if named else ():
        around = {key: value for key, value in record.fields.items() if "[" not in key}
        by_index: dict[str, _Record] = {}
        for key, value in record.fields.items():
            found = _ITEM.fullmatch(key)
            if not found or found[1] != named[0] or not found[3]:
                continue
            start, end = record.spans[key]
            item = by_index.setdefault(found[2], _Record(start, end, dict(around)))
            item.fields[f"{named[0]}.{found[3]}"] = value
            item.end = end
        items += by_index.values()
    return items


def _table(name: str, records: Sequence[_Record], keys: Sequence[str]) -> Table:
    rows = [
        Row(r.start, r.end, tuple(r.fields.get(key, "") for key in keys), number)
        for number, r in enumerate(records, start=1)
    ]
    columns = [
        make_column(key, [row.cells[index] for row in rows])
        for index, key in enumerate(unique_names(keys))
    ]
    return Table(name, tuple(columns), tuple(rows), kind="record")
