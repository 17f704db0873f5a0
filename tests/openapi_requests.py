"""Requests made from an OpenAPI schema: right ones, and ones with something wrong in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")
CHAT = "11111111-1111-4111-8111-111111111111"
# What programs get wrong, and what people who look for holes send.
TEXTS = (
    "", " ", "\x00", "\x1b[31m", "\ud800", "\ufeff\u200b", "\u202etxt.exe", "é\u0301" * 40,
    "🧨" * 50, "x" * 5000, "../../etc/passwd", "%2e%2e%2f", "a\r\nX-Injected: 1",
    "' OR 1=1 --", "{{7*7}}", "<script>", "*" * 200, "[" * 200, "handbook/**", "pdf",
    "en", "zh", "footnote", "footnote/x", "user", "assistant", "json_schema", "float",
    "base64", "2024-01-02", CHAT, "a.txt", "灯泡",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308,
    5e-324,
)  # fmt: skip
NAMES = st.sampled_from(["type", "text", "role", "schema", "$ref", "x"])


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return inner | st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)


JUNK = _nested(_nested(st.sampled_from([None, True, False, *TEXTS, *NUMBERS])))
NO_JSON = (b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"query": NaN}', b"{}x")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the schema describes it."""

    method: str
    path: str
    told: dict[str, Any]

    def response(self, status: int) -> dict[str, Any] | None:
        """What is documented of a status; None if it is not."""
        found: dict[str, Any] | None = self.told["responses"].get(str(status))
        return found


@dataclass(frozen=True, slots=True)
class Made:
    """A request, ready to be sent."""

    operation: Operation
    url: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def operations(schema: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, told)
        for path, methods in sorted(schema["paths"].items())
        for method, told in sorted(methods.items())
    ]


def values(schema: dict[str, Any], node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a node of the schema allows."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return values(schema, schema["components"]["schemas"][name])
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if choices := node.get("anyOf") or node.get("oneOf"):
        return st.one_of([values(schema, one) for one in choices])
    match node.get("type"):
        case "string" if node.get("format") == "date":
            return st.dates().map(str)
        case "string":
            lowest, highest = node.get("minLength", 0), node.get("maxLength", 60)
            text = st.text(min_size=lowest, max_size=min(highest, 60))
            fitting = [one for one in TEXTS if lowest <= len(one) <= highest]
            return text | st.sampled_from(fitting)
        case "integer":
            highest = node.get("maximum", 2**70)
            return st.integers(node.get("minimum", -(2**70)), highest) | st.integers(1, 9)
        case "number":
            return st.floats(node.get("minimum", -1e9), node.get("maximum", 1e9))
        case "boolean":
            return st.booleans()
        case "array":
            inner = values(schema, node.get("items", {}))
            lowest = node.get("minItems", 0)
            return st.lists(inner, min_size=lowest, max_size=max(lowest, 3))
        case "object":
            return objects(schema, node)
        case "null":
            return st.none()
    return JUNK


def objects(schema: dict[str, Any], node: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = set(node.get("required", ()))
    fields = {name: values(schema, one) for name, one in node.get("properties", {}).items()}
    if not fields:
        return st.dictionaries(st.sampled_from(["type", "properties", "x"]), JUNK, max_size=2)
    return st.fixed_dictionaries(
        {name: one for name, one in fields.items() if name in required},
        optional={name: one for name, one in fields.items() if name not in required},
    )


@st.composite
def bodies(draw: st.DrawFn, schema: dict[str, Any], node: dict[str, Any]) -> bytes:
    """A body that fits; or one with a field put otherwise, gone or too many; or none at all."""
    body = draw(values(schema, node))
    match draw(st.sampled_from(["right", "right", "other", "gone", "unknown", "no JSON"])):
        case "other" if body:
            body[draw(st.sampled_from(sorted(body)))] = draw(JUNK)
        case "gone" if body:
            del body[draw(st.sampled_from(sorted(body)))]
        case "unknown":
            body[draw(st.sampled_from(["any_of", "none_of", "__proto__", "x" * 300]))] = draw(JUNK)
        case "no JSON":
            return draw(st.sampled_from(NO_JSON))
    return json.dumps(body).encode()


@st.composite
def requests(draw: st.DrawFn, schema: dict[str, Any], operation: Operation) -> Made:
    path, query = operation.path, []
    for parameter in operation.told.get("parameters", ()):
        name, node = parameter["name"], parameter["schema"]
        is_junk = draw(st.integers(0, 3)) == 0
        value = draw(JUNK if is_junk else values(schema, node))
        text = value if isinstance(value, str) else json.dumps(value)
        text = text.encode("utf-8", "surrogatepass")[:3000]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(text or b"-", safe="").replace(".", "%2E"))
        elif parameter.get("required") or draw(st.booleans()):
            query.append(f"{name}={quote(text, safe='')}")
    url = f"{path}?{'&'.join(query)}" if query else path
    if "requestBody" not in operation.told:
        body = draw(st.sampled_from([None, b"", b"The pump is blue."]))
        return Made(operation, url, body if operation.method == "POST" else None)
    node = operation.told["requestBody"]["content"]["application/json"]["schema"]
    kinds = ["application/json"] * 4 + ["text/plain", "multipart/form-data", "x"]
    headers = {"Content-Type": draw(st.sampled_from(kinds))}
    return Made(operation, url, draw(bodies(schema, node)), headers)
