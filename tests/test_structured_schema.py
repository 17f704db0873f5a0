"""A schema is refused with what is wrong with it; what binds a model allows just the same data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rag.errors import SchemaError
from rag.structured.schema import MAX_CHARACTERS, JsonSchema, read_schema

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
    "additionalProperties": False,
}
DEFINED: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://schemas.example/list",
    "type": "array",
    "items": {"$ref": "#/$defs/a~1b"},
    "$defs": {
        "a/b": {"anyOf": [{"$ref": "#/$defs/size"}, {"const": "none"}]},
        "size": {"minimum": 1},
    },
}
DRAFT_7 = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {"n": {"type": "integer"}},
    "properties": {"n": {"$ref": "#/definitions/n"}, "$ref": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", r"s\.json is not JSON"),
        ("[]", r"s\.json: A JSON schema is an object .* not \[\]"),
        ('{"type": "number or so"}', r"not a valid JSON schema, at \$\.type: 'number or so'"),
        ('{"properties": {"a": {"pattern": "("}}}', r"at \$\.properties\.a\.pattern"),
        ('{"$ref": "https://schemas.example/a.json"}', r"https://schemas\.example/a\.json"),
        ('{"$ref": "#/$defs/gone"}', r"#/\$defs/gone"),
        ('{"items": {"$ref": "#/type"}, "type": "array"}', "#/type"),
        ('{"$dynamicRef": "#node"}', "dynamicRef"),
        ('{"$schema": "https://schemas.example/own"}', "unknown dialect"),
        ('{"$schema": 7}', "unknown dialect"),
        (json.dumps({"description": "x" * MAX_CHARACTERS}), "Ask for less at once"),
    ],
)
def test_what_is_wrong_with_a_schema_is_said_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        read_schema(text, "s.json")


def test_a_schema_is_taken_as_it_is() -> None:
    for schema in (TREE, DEFINED, DRAFT_7, {}):
        assert read_schema(json.dumps(schema), "s.json") == schema


def test_faults_of_data_are_placed_and_formats_count() -> None:
    schema = JsonSchema({"properties": {"a": {"items": {"type": "string", "format": "date"}}}})
    assert schema.fault_of({"a": ["2024-02-29"]}) == ""
    assert schema.fault_of({"a": ["2024-02-29", "2024-02-30"]}).startswith("$.a[1]: ")
    assert "'integer'" in JsonSchema(DRAFT_7).fault_of({"n": "x"})


def test_names_and_choices_are_those_of_the_whole_schema() -> None:
    schema = JsonSchema(
        {
            "properties": {"a": {"enum": ["x", 3, None]}},
            "$defs": {"d": {"properties": {"b": {"const": "y"}}}},
        }
    )
    assert schema.names == {"a", "b"} and schema.choices == {"x", 3, "y"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["none", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "below", "n", "$ref"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("schema", [TREE, DEFINED, DRAFT_7, {}])
@settings(deadline=None)
@given(data=VALUES)
def test_what_binds_the_model_allows_the_same_data_and_a_refusal(
    schema: dict[str, Any], data: Any
) -> None:
    checked = JsonSchema(schema)
    wrapped = Draft202012Validator(checked.with_refusal())
    is_allowed = wrapped.is_valid({"found": True, "data": data})
    assert is_allowed == (data is None or checked.fault_of(data) == "")
    assert wrapped.is_valid({"found": False, "data": None})
    assert not wrapped.is_valid({"data": None}) and not wrapped.is_valid({"found": False})
