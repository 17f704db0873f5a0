"""The recorder as the settings say, and the pipeline behind it; for the roots."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag import spans
from rag.audit import AuditLog
from rag.cache.answers import AnswerCache
from rag.cache.store import Store
from rag.cache.tolerant import TolerantStore
from rag.catalog import SYNCED_KEY
from rag.config import Settings
from rag.errors import SettingError
from rag.models import Role, find_installed
from rag.parts import NO_MODEL, SERVER_PREFIX
from rag.pipeline import Footnote
from rag.prometheus import Condition, Metrics
from rag.recorded import RecordedFootnote
from rag.recorder import Recorder
from rag.redis_server import URL_PREFIXES

CACHE_FILE = "answers.sqlite3"
AUDIT_FOLDER = "audit"
NONE = "none"
AUTO = "auto"
SECONDS_PER_DAY = 86_400
# Settings that no answer depends on, the documents aside; every other one is in a cache's key.
BESIDE_ANSWERS = {
    "index", "cache", "log_level", "log_format", "traces_url", "audit", "audit_days",
    "audit_file_mb", "audit_questions", "cache_url", "cache_mb", "cache_days", "cache_similarity",
    "api_key", "passwords", "num_threads", "readers", "debounce_ms", "poll_seconds",
    "lock_seconds", "collections", "host", "port", "limits_url",
    "metrics_group",
}  # fmt: skip


class Recording:
    """Opens cache, audit log, metrics and traces; wraps the pipeline in them.

    With `counts` it has metrics, of the pipeline that was wrapped last. Raises SettingError.
    """

    def __init__(self, settings: Settings, *, counts: bool = False) -> None:
        self._settings = settings
        self._footnote: Footnote | None = None
        self.metrics = Metrics(self._condition, version()) if counts else None
        on_failure = self.metrics.cache_failed if self.metrics else lambda: None
        self.cache = open_cache(settings, on_failure)
        self.audit = open_audit(settings)
        self._tracer: Any = None
        if settings.traces_url:
            from rag.traces import open_tracer

            self._tracer = open_tracer(settings.traces_url)
            spans.set_tracer(self._tracer)

    def recorded(self, footnote: Footnote) -> RecordedFootnote:
        """The pipeline with a cache before it, and a record of every question."""
        self._footnote = footnote
        recorder = Recorder(
            cache=self.cache,
            audit=self.audit,
            metrics=self.metrics,
            setup=answer_setup(self._settings),
            repeatable=self._settings.temperature == 0.0,
        )
        return RecordedFootnote(footnote, recorder)

    def close(self) -> None:
        if self.cache is not None:
            self.cache.close()
        if self._tracer is not None:
            spans.set_tracer(None)
            self._tracer.close()

    def _condition(self) -> Condition:
        footnote = self._footnote
        if footnote is None:
            return Condition()
        catalog = footnote.catalog
        with catalog.snapshot():
            counts = catalog.counts()
            return Condition(
                documents=counts["documents"],
                chunks=counts["chunks"],
                failures=counts["failures"],
                changes=catalog.sequence(),
                changed_at=catalog.changed_at(),
                synced_at=float(catalog.get_meta(SYNCED_KEY) or 0.0),
                engine=footnote.engine_state,
            )


def open_cache(settings: Settings, on_failure: Callable[[], None]) -> AnswerCache | None:
    """The cache, which is opened at the first question; None where it is off. SettingError."""
    url = settings.cache_url.get_secret_value()
    if url == NONE:
        return None
    if url != AUTO and not url.startswith(URL_PREFIXES):
        raise SettingError(
            "cache_url is none of auto, none and redis://HOST:PORT/0. Correct it, or leave it out."
        )
    seconds = settings.cache_days * SECONDS_PER_DAY

    def open_store() -> Store:
        if url == AUTO:
            from rag.cache.sqlite_store import SqliteStore

            path, size = settings.index / CACHE_FILE, int(settings.cache_mb * 1_000_000)
            return SqliteStore(path, max_bytes=size, max_seconds=seconds)
        from rag.cache.redis_store import RedisStore

        return RedisStore(url, max_seconds=seconds)

    store = TolerantStore(open_store, on_failure=on_failure)
    return AnswerCache(store, settings.cache_similarity)


def audit_folder(settings: Settings) -> Path | None:
    """Where the audit log lies; None where it is off."""
    if settings.audit == NONE:
        return None
    if settings.audit == AUTO:
        return settings.index / AUDIT_FOLDER
    return Path(settings.audit).expanduser()


def open_audit(settings: Settings) -> AuditLog | None:
    """The audit log; None where it is off."""
    folder = audit_folder(settings)
    if folder is None:
        return None
    return AuditLog(
        folder,
        days=settings.audit_days,
        max_file_bytes=int(settings.audit_file_mb * 1_000_000),
        questions=settings.audit_questions,
    )


def answer_setup(settings: Settings) -> dict[str, Any]:
    """What of settings, weights and code an answer depends on, as JSON."""
    roles: tuple[Role, ...] = ("generator", "reranker")
    return {
        "settings": settings.model_dump(mode="json", exclude=BESIDE_ANSWERS),
        "weights": {role: _weights(settings, role) for role in roles},
        "code": code_digest(),
    }


def _weights(settings: Settings, role: Role) -> str:
    """ "" where they are not on this machine: then the setting that names them must do."""
    setting: str = getattr(settings, role)
    if setting in NO_MODEL or setting.startswith(SERVER_PREFIX):
        return ""
    with suppress(OSError):
        if folder := find_installed(setting, role, settings.cache):
            return folder_digest(folder)
    return ""


def folder_digest(folder: Path) -> str:
    """Of the names, sizes and times of a model's files; reading gigabytes would take too long."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            name = path.relative_to(folder)
            told.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return told.hexdigest()


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of the code that answers: another version may answer otherwise."""
    told = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        told.update(f"{path.relative_to(root)}\n".encode())
        told.update(path.read_bytes())
    return told.hexdigest()


def version() -> str:
    try:
        return importlib.metadata.version("footnote")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
