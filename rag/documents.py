"""Folders and their index: which index is whose, syncing as the settings say, words for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ingest.readers.options import ReadOptions
from ingest.reading import Reading
from ingest.sync import Progress, SyncReport, remembered_roots, sync
from ingest.touched import Busy, nothing_is_busy
from rag import generations, parts
from rag.catalog import ENCODER_KEY, Catalog
from rag.config import Settings
from rag.encoder import Encoder
from rag.errors import FootnoteError, IndexStateError
from rag.indexes import CATALOG_FILE, Indexes
from rag.left_out import LeftOut
from rag.parts import Say
from rag.uploads import UPLOADS_FOLDER, UploadLimits, Uploads, readable_suffixes

ENCODER_SETTINGS_KEY = "encoder_settings"  # in meta: how the encoder was asked for, in JSON
ENCODER_SETTINGS = frozenset(
    {"encoder", "encoder_kernel", "encoder_dimensions", "query_prompt", "document_prompt"}
)


def all_roots(given: Sequence[Path], catalog: Catalog) -> list[Path]:
    """The folders given now, then those that the index remembers."""
    named = [path.expanduser().resolve() for path in given]
    return list(dict.fromkeys([*named, *map(Path, remembered_roots(catalog))]))


def index_for(docs: Path, settings: Settings) -> Path:
    """The index of one folder: the usual one, unless that holds other folders already."""
    folder = docs.expanduser().resolve()
    if not generations.is_index(settings.index):
        return settings.index
    with closing(parts.open_catalog(settings.index)) as catalog:
        held = [Path(root) for root in remembered_roots(catalog)]
    if held in ([], [folder]):
        return settings.index
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return settings.index.with_name(f"{settings.index.name}-{folder.name}-{name}")


def open_catalog(index: Path, *, create: bool) -> Catalog:
    """For reading; made first where it may be, so that the page can open before the index."""
    if create and not generations.is_index(index):
        try:
            index.mkdir(parents=True, exist_ok=True)
            Catalog(index / CATALOG_FILE).close()
        except OSError as error:
            raise IndexStateError(
                f"The index {index} cannot be made ({error}). Give another folder with --index."
            ) from error
    return parts.open_catalog(index)


@contextmanager
def open_writer(settings: Settings, encoder: Encoder, say: Say) -> Iterator[Indexes]:
    """The index opened for writing with this encoder.

    Where the vectors are another encoder's, a new generation is opened: it serves once the
    caller is done without an error. IndexStateError if another process writes.
    """
    index = settings.index
    if generations.fits(index, encoder.fingerprint):
        dimension = encoder.dimension
        with parts.open_indexes(settings, dimension, read_only=False, say=say) as indexes:
            yield indexes
        return
    dimension = generations.dimension_of(generations.current(index)) or encoder.dimension
    with parts.open_indexes(settings, dimension, read_only=False, say=say) as serving:
        say(explain_reindexing(serving.catalog))
        with generations.begin(
            index, encoder.fingerprint, encoder.dimension, settings.vector_precision
        ) as indexes:
            yield indexes
            generations.activate(index, indexes.folder)
    generations.remove_unused(index)


def explain_reindexing(catalog: Catalog) -> str:
    """One line for people: what happens, and why."""
    return (
        f"The encoder has changed: all {catalog.counts()['documents']} documents are encoded anew, "
        "into a new generation of the index; until that is done, the old one answers."
    )


def open_old_encoder(settings: Settings, catalog: Catalog, say: Say) -> Encoder | None:
    """The encoder that made the catalog's vectors; None if it cannot be had any more."""
    noted = json.loads(catalog.get_meta(ENCODER_SETTINGS_KEY) or "{}")
    asked = {name: Settings.model_fields[name].default for name in ENCODER_SETTINGS} | noted
    stored = catalog.get_meta(ENCODER_KEY)
    if noted and asked != _encoder_settings(settings):
        try:
            encoder = parts.open_encoder(settings.model_copy(update=asked), say)
        except FootnoteError:
            pass
        else:
            if encoder.fingerprint == stored:
                return encoder
    say("The old encoder cannot be loaded: meanwhile documents are found by words alone.")
    return None


def _encoder_settings(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(include=set(ENCODER_SETTINGS))


def uploads_of(settings: Settings) -> Uploads:
    """The place of files that people add. It lies below the index, whichever generation serves."""
    limits = UploadLimits(
        max_file_bytes=int(min(settings.max_upload_mb, settings.max_file_mb) * 1_000_000),
        max_total_bytes=int(settings.max_uploads_mb * 1_000_000),
        suffixes=readable_suffixes(settings.upload_types) if settings.uploads else frozenset(),
        temporary_seconds=settings.temporary_hours * 3600,
    )
    return Uploads(settings.index.resolve() / UPLOADS_FOLDER, limits)


def reading_of(settings: Settings) -> Reading:
    """How files are read."""
    return Reading(
        readers=settings.readers,
        seconds=settings.read_seconds,
        memory_bytes=settings.read_memory_mb * 1024**2,
        options=ReadOptions(
            tuple(password.get_secret_value() for password in settings.passwords), settings.ocr
        ),
    )


def run_sync(
    indexes: Indexes,
    encoder: Encoder,
    roots: Sequence[Path],
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    explain: Say | None = None,
    busy: Busy = nothing_is_busy,
) -> SyncReport:
    """Bring the index to the present state of the folders, and of what people have added."""
    uploads = uploads_of(settings)
    uploads.remove_expired()
    report = sync(
        indexes,
        encoder,
        roots,
        max_file_bytes=settings.max_file_bytes,
        max_chunk_tokens=min(settings.chunk_tokens, encoder.max_tokens),
        progress=progress,
        should_stop=should_stop,
        explain=explain,
        reading=reading_of(settings),
        follow_links=settings.follow_links,
        busy=busy,
        first=[uploads.folder] if uploads.folder.is_dir() else [],
        left_out=LeftOut(settings.index).paths(),
    )
    asked = json.dumps(_encoder_settings(settings), sort_keys=True)
    if indexes.catalog.get_meta(ENCODER_SETTINGS_KEY) != asked:
        indexes.catalog.set_meta(ENCODER_SETTINGS_KEY, asked)
    return report


def changes_in(report: SyncReport) -> list[str]:
    """What a sync changed, for people; nothing when it changed nothing."""
    names = ("new", "changed", "moved", "removed")
    counts = [f"{getattr(report, name)} {name}" for name in names if getattr(report, name)]
    lines = [f"Documents: {', '.join(counts)} ({report.seconds:.1f} s)"] if counts else []
    lines += [f"Note: {note}" for note in report.notes]
    return lines + [f"Not read: {f.path} ({f.reason}: {f.message})" for f in report.failed]


class LatestCatalog:
    """Stands for the last of some catalogs, for those who keep it longer than a generation."""

    def __init__(self, catalogs: Sequence[Catalog]) -> None:
        self._catalogs = catalogs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogs[-1], name)
