"""A JSON schema: checked before it is used, and what a language model is bound to by it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rag.errors import SchemaError

MAX_CHARACTERS = 40_000  # of a schema as JSON; it stands in every prompt
MAX_MESSAGE_CHARACTERS = 300
_DATA_KEYWORDS = ("const", "enum", "default", "examples")  # below these stand values, no schemas
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class JsonSchema:
    """A schema that can be used. `names` are the properties it names, `choices` its enum values.

    Raises SchemaError, which says what is wrong with it.
    """

    def __init__(self, schema: Any) -> None:
        self.schema = _checked(schema)
        self.text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        if len(self.text) > MAX_CHARACTERS:
            raise SchemaError(
                f"The JSON schema has {len(self.text):,} characters; {MAX_CHARACTERS:,} is the "
                "most that is taken. Ask for less at once."
            )
        self.names = frozenset(_names(schema))
        self.choices = frozenset(_choices(schema))

    def fault_of(self, data: Any) -> str:
        """Where and why data does not fit; "" if it does."""
        from jsonschema.exceptions import best_match

        cls = _validator_class(self.schema)
        fault = best_match(cls(self.schema, format_checker=cls.FORMAT_CHECKER).iter_errors(data))
        if fault is None:
            return ""
        return f"{fault.json_path}: {_short(fault.message)}"

    def with_refusal(self) -> dict[str, Any]:
        """The schema of what a model writes: first whether it found anything, then the data."""
        return {
            "type": "object",
            "properties": {
                "found": {"type": "boolean"},
                "data": {"anyOf": [{"$ref": "#/$defs/data"}, {"type": "null"}]},
            },
            "required": ["found", "data"],
            "additionalProperties": False,
            "$defs": {"data": _below(self.schema, "#/$defs/data")},
        }


def read_schema(text: str, name: str) -> dict[str, Any]:
    """The schema of a JSON text that came from `name`. Raises SchemaError."""
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise SchemaError(
            f"{name} is not JSON: {error}. Give a file with a JSON schema."
        ) from error
    try:
        return JsonSchema(schema).schema
    except SchemaError as error:
        raise SchemaError(f"{name}: {error}") from error


def _checked(schema: Any) -> dict[str, Any]:
    from jsonschema.exceptions import SchemaError as Fault

    if not isinstance(schema, dict):
        raise SchemaError(
            f'A JSON schema is an object such as {{"type": "object"}}, not {_short(schema)}.'
        )
    try:
        _validator_class(schema).check_schema(schema)
    except Fault as fault:
        raise SchemaError(
            f"This is not a valid JSON schema, at {fault.json_path}: {_short(fault.message)}"
        ) from fault
    for keyword, reference in _references(schema):
        if keyword != "$ref" or not _leads_somewhere(reference, schema):
            raise SchemaError(
                f"The JSON schema refers to {reference!r} by {keyword}, which is not in it. Only "
                "$ref to a place within the schema is followed, such as #/$defs/NAME."
            )
    return schema


def _validator_class(schema: Mapping[str, Any]) -> Any:
    """The one of the schema's dialect, or else of the newest."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    dialect = schema.get("$schema")
    if dialect is None:
        return Draft202012Validator
    found = validator_for(schema, default=None) if isinstance(dialect, str) else None
    if found is None:
        raise SchemaError(
            f"The JSON schema is of an unknown dialect, {_short(dialect)}. Leave $schema out, or "
            "set it to https://json-schema.org/draft/2020-12/schema."
        )
    return found


def _schemas(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of a schema that may be a schema itself."""
    if isinstance(value, Mapping):
        yield value
        for key, inner in value.items():
            if key not in _DATA_KEYWORDS or isinstance(inner, Mapping):
                yield from _schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _schemas(inner)


def _references(schema: Any) -> Iterator[tuple[str, str]]:
    for one in _schemas(schema):
        yield from ((k, one[k]) for k in _REFERENCES if isinstance(one.get(k), str))


def _leads_somewhere(reference: str, schema: Any) -> bool:
    if reference != "#" and not reference.startswith("#/"):
        return False
    here = schema
    for part in reference.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list):
            here = here[int(name)] if name.isdecimal() and int(name) < len(here) else None
        else:
            here = here.get(name) if isinstance(here, dict) else None
    return isinstance(here, dict | bool)


def _below(value: Any, place: str) -> Any:
    """A schema whose own root is at `place` now: its references lead there."""
    if isinstance(value, list):
        return [_below(inner, place) for inner in value]
    if not isinstance(value, Mapping):
        return value
    moved = {}
    for key, inner in value.items():
        if key == "$ref" and isinstance(inner, str):
            moved[key] = place + inner.removeprefix("#")
        elif key in _DATA_KEYWORDS and not isinstance(inner, Mapping):
            moved[key] = inner
        elif key not in ("$schema", "$id") or isinstance(inner, Mapping):
            moved[key] = _below(inner, place)
    return moved


def _names(schema: Any) -> Iterator[str]:
    for one in _schemas(schema):
        if isinstance(named := one.get("properties"), Mapping):
            yield from named


def _choices(schema: Any) -> Iterator[str | float]:
    """The texts and numbers that the schema itself gives to choose from."""
    for one in _schemas(schema):
        listed = one.get("enum")
        values = [*(listed if isinstance(listed, list) else ()), one.get("const")]
        yield from (value for value in values if isinstance(value, str | int | float))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    is_long = len(text) > MAX_MESSAGE_CHARACTERS
    return text[: MAX_MESSAGE_CHARACTERS - 1] + "…" if is_long else text
