"""/docs: the API's schema as a page, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{overflow:auto;padding:.6rem;border:1px solid #8888;border-radius:.4rem}"
    "h2{margin-top:2.2rem}h3{margin:1.6rem 0 .2rem}"
)


def docs_router(schema: Callable[[], dict[str, Any]]) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse(page(schema()), headers={"Content-Security-Policy": POLICY})

    return router


def page(schema: dict[str, Any]) -> str:
    title = escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1><p>{escape(schema['info']['description'])}</p>"
        '<p>All of it for programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        + "".join(_routes(schema))
        + "</html>"
    )


def _routes(schema: dict[str, Any]) -> Iterator[str]:
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
            yield f"<p>{escape(told.get('summary', ''))}. {escape(told.get('description', ''))}</p>"
            if example := _example(schema, told):
                shown = json.dumps(example, ensure_ascii=False, indent=1)
                yield f"<pre>{escape(shown)}</pre>"


def _example(schema: dict[str, Any], told: dict[str, Any]) -> Any:
    """The first example of the request's body."""
    content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    held = schema.get("components", {}).get("schemas", {}).get(reference.rpartition("/")[2], {})
    return next(iter(held.get("examples", ())), None)
