"""The API as the settings say: its collections, its limits, who stands before it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware

from rag.api.app_parts import add_api
from rag.api.health import Exposition, exposition_of
from rag.api.intake import CallerLimit, Intake
from rag.api.limits import LimitNumbers, Limits
from rag.api.rates import RateError, RateStore, TolerantRates
from rag.api.serving import Api
from rag.collection import chosen
from rag.config import Settings
from rag.errors import SearchError, SettingError
from rag.identity import Proxies
from rag.library import Asker
from rag.people import People, clean_origin
from rag.prometheus import Metrics
from rag.redis_server import URL_PREFIXES
from rag.tolerant import Tolerant
from rag.where import Where

log = logging.getLogger(__name__)

CORS_HEADERS = ("Authorization", "Content-Type")
CORS_SECONDS = 600


def put_api(
    app: FastAPI,
    service: Any,
    people: People | None,
    asker_of: Callable[[Request], Asker],
    limits: Limits,
) -> None:
    """Add the API's routes."""
    settings = service.settings
    api = Api(
        service,
        asker_of,
        collections=served_collections(settings),
        limits=limits,
        answer_seconds=settings.answer_seconds,
        origin=people.origins[0] if people and people.origins else "",
        metrics_group=settings.metrics_group,
    )
    add_api(app, api, _exposition(service, limits))


def limits_of(service: Any) -> Limits:
    """Counted in Redis where the settings name one. Raises SettingError."""
    settings: Settings = service.settings
    numbers = LimitNumbers(
        settings.requests_per_minute,
        settings.address_requests_per_minute,
        settings.tokens_per_day,
        settings.max_answers,
    )
    if not (url := limits_place(settings)):
        return Limits(numbers)

    def open_store() -> RateStore:
        from rag.api.redis_rates import RedisRates

        return RedisRates(url)

    metrics = _metrics(service)
    shared: Tolerant[RateStore] = Tolerant(
        open_store,
        RateError,
        otherwise="Until it is back each process counts alone.",
        well_again="Limits are shared again.",
        on_failure=metrics.limits_failed if metrics else lambda: None,
    )
    return Limits(numbers, TolerantRates(shared), is_remote=True, is_well=lambda: shared.is_well)


def limits_place(settings: Settings) -> str:
    """The Redis server that limits are counted in; "" where this process counts."""
    url = settings.limits_url.get_secret_value()
    if url == "auto":
        url = settings.cache_url.get_secret_value()
        return url if url.startswith(URL_PREFIXES) else ""
    if url == "none":
        return ""
    if not url.startswith(URL_PREFIXES):
        raise SettingError(
            "limits_url is none of auto, none and redis://HOST:PORT/0. Correct it, or leave it out."
        )
    return url


def served_collections(settings: Settings) -> dict[str, Where]:
    """Those that are a part of this index; others have a server of their own."""
    found: dict[str, Where] = {}
    for name in settings.collections:
        try:
            (one,) = chosen(settings, [name])
        except SearchError as error:
            log.warning("[collections.%s] is not served: %s", name, error)
            continue
        if one.where and one.settings.index.resolve() == settings.index.resolve():
            found[name] = one.where
    return found


def _exposition(service: Any, limits: Limits) -> Exposition:
    """The metrics of the recording where there is one, else what is known of the index."""
    if (metrics := _metrics(service)) is not None:
        return metrics.exposition

    def figures() -> dict[str, float]:
        counts = {f"index_{name}": float(n) for name, n in service.catalog.counts().items()}
        return {**counts, "api_active_answers": float(limits.num_answers)}

    return exposition_of(figures)


def _metrics(service: Any) -> Metrics | None:
    recording = getattr(service, "recording", None)
    found: Metrics | None = recording.metrics if recording is not None else None
    return found


def add_caller_limit(app: FastAPI, limits: Limits) -> None:
    """Goes behind the door: call it before the door is added."""
    app.add_middleware(CallerLimit, limits=limits)


def add_intake(app: FastAPI, limits: Limits, settings: Settings, people: People | None) -> None:
    """Goes before the door: call it after the door is added."""
    proxies = people.proxies if people else Proxies()
    max_body_bytes = settings.max_request_kb * 1000
    app.add_middleware(
        Intake, limits=limits, address_of=proxies.address_of, max_body_bytes=max_body_bytes
    )


def foreign_origins(settings: Settings) -> tuple[str, ...]:
    return tuple(map(clean_origin, settings.cors_origins))


def add_cors(app: FastAPI, settings: Settings) -> None:
    """Goes before everything. A page elsewhere never brings cookies along, only a key."""
    if origins := foreign_origins(settings):
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=CORS_HEADERS,
            allow_credentials=False,
            max_age=CORS_SECONDS,
        )
