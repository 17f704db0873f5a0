"""Our values as JSON and back, without loss: dataclasses, tuples, dates, and what JSON has."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def to_json(value: object) -> Any:
    """What `json.dumps` takes. Raises TypeError where something has no exact form in it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_text(key): to_json(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, float):  # such as numpy's of 64 bits
        return float(value)
    raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def from_json(kind: type[Value], value: Any) -> Value:
    """The value of that type whose `to_json` this is. Raises ValueError if it is of none."""
    return cast(Value, _read(kind, value))


def _text(key: object) -> str:
    if type(key) is not str:
        raise TypeError(f"{key!r} is no name in JSON")
    return key


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_dataclass(kind, value)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value)
    if origin is Literal:
        return _checked(value, value in arguments, kind)
    if origin is tuple:
        return _read_tuple(arguments, value, kind)
    if origin in (list, dict, Mapping):
        return _read_container(origin, arguments, value, kind)
    if kind is date:
        return date.fromisoformat(_checked(value, isinstance(value, str), kind))
    if kind is Any or kind is object:
        return value
    if kind is float:  # 1.0 stays 1.0 in JSON, but a whole number may stand for a float
        return _checked(value, type(value) in (int, float), kind)
    return _checked(value, type(value) is (type(None) if kind is None else kind), kind)


def _read_dataclass(kind: Any, value: Any) -> Any:
    hints = _hints(kind)
    _checked(value, isinstance(value, dict) and value.keys() == hints.keys(), kind)
    return kind(**{name: _read(hint, value[name]) for name, hint in hints.items()})


def _read_union(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in kinds:
        try:
            return _read(kind, value)
        except ValueError:
            continue
    raise ValueError(f"{value!r} is of none of {kinds}")


def _read_tuple(kinds: tuple[Any, ...], value: Any, kind: Any) -> Any:
    _checked(value, isinstance(value, list), kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_read(kinds[0], one) for one in value)
    _checked(value, len(kinds) == len(value), kind)
    return tuple(_read(one_kind, one) for one_kind, one in zip(kinds, value, strict=True))


def _read_container(origin: Any, kinds: tuple[Any, ...], value: Any, kind: Any) -> Any:
    if origin is list:
        _checked(value, isinstance(value, list), kind)
        return [_read(kinds[0], one) for one in value]
    _checked(value, isinstance(value, dict), kind)
    return {name: _read(kinds[1], one) for name, one in value.items()}


def _checked(value: Any, is_well: bool, kind: Any) -> Any:
    if not is_well:
        raise ValueError(f"{value!r:.100} is not of {kind}")
    return value


@lru_cache(maxsize=256)
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]
