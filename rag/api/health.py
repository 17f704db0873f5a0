"""How Footnote is, for those who look after it: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from rag.api.failure import ApiError, ApiRoute
from rag.api.schemas import FAILURES, Open
from rag.api.serving import Api

RETRY_SECONDS = "5"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
Exposition = Callable[[], tuple[bytes, str]]  # the metrics' text, and its content type


class Live(Open):
    status: str


class Ready(Open):
    ready: bool
    state: str


def health_router(api: Api, exposition: Exposition) -> APIRouter:
    router = APIRouter(route_class=ApiRoute, tags=["health"], responses=FAILURES)

    @router.get("/healthz", response_model=Live, summary="Whether the process lives")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", response_model=Ready, summary="Whether questions are answered")
    def readyz() -> Response:
        is_ready = api.service.wait(0)  # raises what keeps it from it: 503
        told = {"ready": is_ready, "state": api.service.state()}
        if is_ready:
            return JSONResponse(told)
        told |= {"detail": told["state"], "reason": "loading"}
        return JSONResponse(told, 503, headers={"Retry-After": RETRY_SECONDS})

    @router.get(
        "/metrics",
        response_class=Response,
        summary="Figures for Prometheus, for admins",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics(request: Request) -> Response:
        if not api.asker_of(request).may_manage:
            raise ApiError(
                403, "Only an admin reads the metrics: give an admin's key.", "forbidden"
            )
        text, kind = exposition()
        return Response(text, headers={"Content-Type": kind})

    return router


def exposition_of(figures: Callable[[], Mapping[str, float]]) -> Exposition:
    """Gauges, where nothing counts more than the index."""

    def exposition() -> tuple[bytes, str]:
        lines = [
            f"# TYPE footnote_{name} gauge\nfootnote_{name} {value:g}\n"
            for name, value in figures().items()
        ]
        return "".join(lines).encode(), PLAIN

    return exposition
