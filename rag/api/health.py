"""How Footnote is, for those who look after it: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from rag.access import ANONYMOUS, current_caller
from rag.api.failure import ApiError, ApiRoute
from rag.api.schemas import FAILURES, Open
from rag.api.serving import LOADING_SECONDS, Api
from rag.errors import FootnoteError

NOT_READY = "Footnote is not ready yet. Try again shortly."
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
Exposition = Callable[[], tuple[bytes, str]]  # the metrics' text, and its content type


class Live(Open):
    status: str


class Ready(Open):
    ready: bool
    components: dict[str, str] = Field(
        description="each part with a word on how it is",
        examples=[{"encoder": "ready", "documents": "ready", "generator": "loading"}],
    )
    state: str | None = Field(None, description="what is going on; strangers are not told")


def health_router(api: Api, exposition: Exposition) -> APIRouter:
    router = APIRouter(route_class=ApiRoute, tags=["health"], responses=FAILURES)

    @router.get("/healthz", response_model=Live, summary="Whether the process lives")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        response_model=Ready,
        summary="Whether questions are answered, for anyone",
        responses={503: {"model": Ready, "description": "Not yet, or not any more."}},
    )
    def readyz(request: Request) -> Response:
        try:
            is_ready = api.service.wait(0)
        except FootnoteError:  # its words are in the state
            is_ready = False
        told: dict[str, Any] = {"ready": is_ready, "components": components(api)}
        if api.asker_of(request).name != ANONYMOUS.name:
            told["state"] = api.service.state()
        if is_ready:
            return JSONResponse(told)
        told |= {"detail": told.get("state", NOT_READY), "reason": "loading"}
        return JSONResponse(told, 503, headers={"Retry-After": f"{LOADING_SECONDS:.0f}"})

    @router.get(
        "/metrics",
        response_class=Response,
        summary="Figures for Prometheus, for admins and metrics_group",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics(request: Request) -> Response:
        if not may_read_metrics(api, request):
            group = f" or of the group {api.metrics_group!r}" if api.metrics_group else ""
            message = f"The metrics are read with a key of an admin{group}. Give one."
            raise ApiError(403, message, "forbidden")
        text, kind = exposition()
        return Response(text, headers={"Content-Type": kind})

    return router


def components(api: Api) -> dict[str, str]:
    """The parts of the service, and where limits are counted if that is not here."""
    told = dict(api.service.components())
    if api.limits.is_remote:
        told["limits"] = "ready" if api.limits.is_well() else "unreachable"
    return told


def may_read_metrics(api: Api, request: Request) -> bool:
    caller = current_caller.get()
    is_reader = caller is not None and api.metrics_group in caller.groups
    return is_reader or api.asker_of(request).may_manage


def exposition_of(figures: Callable[[], Mapping[str, float]]) -> Exposition:
    """Gauges, where nothing counts more than the index."""

    def exposition() -> tuple[bytes, str]:
        lines = [
            f"# TYPE footnote_{name} gauge\nfootnote_{name} {value:g}\n"
            for name, value in figures().items()
        ]
        return "".join(lines).encode(), PLAIN

    return exposition
