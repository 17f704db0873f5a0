"""The parts of Footnote, opened as the settings say; for the roots."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rag.lock
from rag import generations
from rag.catalog import DIMENSION_KEY, Catalog
from rag.config import Settings
from rag.encoder import Encoder, SentenceEncoder
from rag.encoder_options import EncoderOptions
from rag.errors import FootnoteError, GenerationError, ModelError, SettingError
from rag.generate import Generator
from rag.indexes import CATALOG_FILE, LOCK_FILE, Indexes
from rag.lock import Holder
from rag.machine import fast_dtype, has_int8_instructions, memory_bytes
from rag.prompt import SYSTEM
from rag.reranker import CrossEncoderScorer, Reranker
from rag.types import Message

if TYPE_CHECKING:
    from rag.generate.vllm_options import VllmOptions
    from rag.models import ResolvedModel

Say = Callable[[str], None]

NO_MODEL = ("none", "extractive")
SERVER_PREFIX = "openai:"
CPU_CONTEXT_TOKENS = 1100  # a CPU reads about 175 tokens a second; more did not answer better
_LOADING = threading.Lock()  # transformers resolves its names lazily, which threads must not share
GENERATOR_STATES = {
    "restarting": "The language model failed and is being restarted",
    "stopped": "The language model failed for good; start Footnote again",
    "unreachable": "No server of the language model answers; it is tried again",
}


def pick_device(settings: Settings) -> str:
    """`cpu` or `cuda`; with `cpu` set, GPUs are hidden from this process.

    Raises SettingError if cuda is set and there is no GPU.
    """
    from rag.machine import gpu_memory_bytes

    if settings.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return "cpu"
    if gpu_memory_bytes():
        return "cuda"
    if settings.device == "cuda":
        raise SettingError(
            "device is cuda, but no NVIDIA GPU (or no CUDA build of torch) was found. "
            "Set device to auto or cpu; `footnote doctor` says what is there."
        )
    return "cpu"


def _import_heavy(device: str, module: str) -> None:
    """Import a package that pulls in torch, with the environment set before."""
    from rag.generate.vllm_options import prepare_process

    prepare_process(device)
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"{module} cannot be imported ({error}). "
            "Install it: pip install 'footnote[cpu]' (or [gpu])."
        ) from error


def open_encoder(settings: Settings, say: Say) -> Encoder:
    """Find, fetch if need be, and load the encoder. ModelError or SettingError if it fails."""
    device = pick_device(settings)
    found, exported = fetch_encoder(settings, say)
    options = EncoderOptions(
        settings.query_prompt, settings.document_prompt, settings.encoder_dimensions, found.name
    )
    if exported is not None:
        from rag.onnx_encoder import OnnxEncoder

        return OnnxEncoder(exported, num_threads=settings.num_threads, options=options)
    with _LOADING:
        _import_heavy(device, "sentence_transformers")
        encoder = SentenceEncoder(
            found.path, device=device, num_threads=settings.num_threads, options=options
        )
        encoder.encode_queries(["warm up"])  # what it still imports, it imports now
    return encoder


def fetch_encoder(settings: Settings, say: Say) -> tuple[ResolvedModel, Path | None]:
    """The encoder's folder, and its int8 export where that is the kernel to use.

    With `auto`, an export that fails is said, and torch is used. ModelError or SettingError.
    """
    from rag import onnx_export
    from rag.models import resolve_encoder

    device, kernel = pick_device(settings), settings.encoder_kernel
    if kernel == "onnx" and device != "cpu":
        raise SettingError(
            "encoder_kernel is onnx, which runs on the processor, but the device is a GPU. "
            "Set encoder_kernel to auto, or device to cpu."
        )
    found = resolve_encoder(settings.encoder, settings.cache, say)
    folder = Path(found.path)
    if kernel == "auto":
        is_fit = device == "cpu" and has_int8_instructions()
        if not is_fit or onnx_export.failure(folder, settings.cache):
            return found, None
    if kernel == "torch":
        return found, None
    try:
        return found, onnx_export.prepare_onnx(folder, settings.cache, say)
    except ModelError as error:
        if kernel == "onnx":
            raise
        say(f"{error} Using torch instead, which takes longer.")
        return found, None


def open_reranker(settings: Settings, say: Say) -> Reranker | None:
    """Find, fetch if need be, and load the reranker; None if none is set.

    ModelError or SettingError if that fails.
    """
    if settings.reranker == "none":
        return None
    from rag.models import resolve_reranker

    device = pick_device(settings)
    found = resolve_reranker(settings.reranker, settings.cache, say)
    with _LOADING:
        _import_heavy(device, "sentence_transformers")
        scorer = CrossEncoderScorer(
            found.path, name=found.name, device=device, num_threads=settings.num_threads
        )
    return Reranker(
        scorer, num_candidates=settings.reranker_candidates, budget_ms=settings.reranker_ms
    )


def open_generator(settings: Settings, say: Say) -> Generator | None:
    """Find, fetch if need be, and load the language model; None answers by quoting alone.

    With `auto`, whatever goes wrong is said, and None is returned; a model that was asked for
    by name raises ModelError, GenerationError or SettingError.
    """
    if settings.generator in NO_MODEL:
        return None
    if settings.generator.startswith(SERVER_PREFIX):
        return _open_server(settings)
    device = pick_device(settings)
    try:
        return _open_vllm(settings, device, say)
    except (ModelError, GenerationError) as error:
        if settings.generator != "auto":
            raise
        say(f"No language model: {error} Until then, answers are the best sentences, quoted.")
        return None


def _open_vllm(settings: Settings, device: str, say: Say) -> Generator:
    from rag.models import resolve_generator

    found = resolve_generator(settings.generator, settings.cache, say)
    from rag.generate.vllm import VllmGenerator

    options = vllm_options(settings, device)
    with _LOADING:
        _import_heavy(device, "vllm")
        return VllmGenerator(
            found.path,
            name=found.name,
            options=options,
            warm_up=[Message("system", SYSTEM), Message("user", "?")],
            say=say,
        )


def vllm_options(settings: Settings, device: str) -> VllmOptions:
    """How vLLM is to run on `cpu` or `cuda`."""
    from rag.generate.vllm_options import VllmOptions

    return VllmOptions(
        device=device,
        max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.tensor_parallel_size,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        kv_cache_dtype=settings.kv_cache_dtype,
        device_bytes=device_bytes(device),
        cpu_dtype=fast_dtype(),
    )


def device_bytes(device: str) -> int:
    """Memory of one GPU, or of this machine as far as this process may use it."""
    from rag.machine import gpu_memory_bytes

    if device != "cpu":
        return gpu_memory_bytes()
    return memory_bytes()


def state_with(generator: Generator | None, state: str) -> str:
    """The state of a program that is ready, its language model's trouble considered."""
    of_model = getattr(generator, "state", "ready")
    return GENERATOR_STATES.get(of_model, state) if state == "ready" else state


def components_with(generator: Generator | None, components: dict[str, str]) -> dict[str, str]:
    """The words on a program's parts, its language model's trouble considered."""
    if components.get("generator") != "ready":
        return components
    word = "none" if generator is None else getattr(generator, "state", "ready")
    return components | {"generator": word}


def server_urls(settings: Settings) -> list[str]:
    """The servers that `generator` names, as in openai:URL1,URL2. Raises SettingError."""
    named = settings.generator.removeprefix(SERVER_PREFIX).split(",")
    urls = list(dict.fromkeys(url.strip().rstrip("/") for url in named))
    if not all(url.startswith(("http://", "https://")) for url in urls):
        raise SettingError(
            f"generator is {settings.generator!r}, where a URL is missing or no URL. "
            "Give one such as openai:http://127.0.0.1:8001/v1, or several between commas."
        )
    return urls


def _open_server(settings: Settings) -> Generator:
    from rag.generate.openai import OpenAIGenerator
    from rag.generate.server_asking import Limits

    urls = server_urls(settings)
    if not settings.generator_model:
        raise SettingError(
            f"generator is {settings.generator!r}, but generator_model is empty. "
            "Set it to the model's name at that server."
        )
    generator = OpenAIGenerator(
        urls,
        settings.generator_model,
        settings.api_key.get_secret_value(),
        None,
        settings.max_model_len,
        limits=Limits(
            settings.connect_seconds,
            settings.first_token_seconds,
            settings.next_token_seconds,
            settings.answer_seconds,
        ),
    )
    generator.learn()
    return generator


def context_tokens(settings: Settings) -> int | None:
    """How many tokens of passages a prompt may hold; None is all that fit."""
    if settings.context_tokens is not None:
        return settings.context_tokens
    is_local = not settings.generator.startswith((SERVER_PREFIX, *NO_MODEL))
    return CPU_CONTEXT_TOKENS if is_local and pick_device(settings) == "cpu" else None


def writing_options(settings: Settings) -> dict[str, Any]:
    """What the settings say of how the pipeline writes."""
    names = ("max_answer_tokens", "temperature", "general_knowledge")
    return {name: getattr(settings, name) for name in names}


def rewrites_by_model(settings: Settings) -> bool:
    """Whether the model rewrites follow-up questions; on a CPU that takes seconds."""
    if settings.rewriting == "auto":
        is_local = not settings.generator.startswith(SERVER_PREFIX)
        return not is_local or pick_device(settings) != "cpu"
    return settings.rewriting == "model"


def open_indexes(
    settings: Settings, dimension: int, *, read_only: bool, say: Say | None = None
) -> Indexes:
    """Open the folder of the index. IndexStateError if it is missing, locked or damaged.

    With `say`, a writer waits for another one as long as the settings allow, and says so.
    """
    while True:
        folder = generations.current(settings.index)
        indexes = Indexes(
            folder,
            dimension=dimension,
            read_only=read_only,
            wait_seconds=settings.lock_seconds if say else 0.0,
            say=say,
            precision=settings.vector_precision,
        )
        if generations.current(settings.index) == folder:
            return indexes
        indexes.close()  # another process has just put a new generation in its place


def open_catalog(folder: Path) -> Catalog:
    """The catalog for reading. IndexStateError if there is none."""
    return Catalog(generations.current(folder) / CATALOG_FILE, read_only=True)


def lock_holder(folder: Path) -> Holder | None:
    """The process that writes to the index just now; None if there is none."""
    return rag.lock.lock_holder(generations.current(folder) / LOCK_FILE)


def index_status(folder: Path, remembered_roots: Callable[[Catalog], Any]) -> dict[str, Any]:
    """What stands in the index, without an encoder. IndexStateError if there is none."""
    with closing(open_catalog(folder)) as catalog, catalog.snapshot():
        failures = [
            {"path": path, "reason": reason, "message": message}
            for path, (_, _, reason, message) in catalog.failures().items()
        ]
        dimension = catalog.get_meta(DIMENSION_KEY)
        holder = lock_holder(folder)
        return {
            "index": str(folder),
            **catalog.counts(),
            "failures": failures,
            "roots": [str(root) for root in remembered_roots(catalog)],
            "dimension": int(dimension) if dimension else None,
            "changes": catalog.sequence(),
            "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()),
            "writer": holder.pid if holder else None,
        }


def as_footnote_error(error: Exception) -> FootnoteError:
    """Any failure as one clean message."""
    if isinstance(error, FootnoteError):
        return error
    return FootnoteError(
        f"Footnote failed ({type(error).__name__}: {error}). "
        "`footnote doctor` looks for the cause; --debug shows where it happened."
    )
