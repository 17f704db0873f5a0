"""Collections: folders by name, with an index of their own or as a part of the usual one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag import generations, parts
from rag.catalog import ENCODER_KEY
from rag.config import Settings
from rag.errors import SearchError
from rag.federation import Federation, Part
from rag.parts import Say
from rag.pipeline import Footnote
from rag.recorded import RecordedFootnote
from rag.recording import Recording
from rag.retriever import EVERYTHING, Retriever
from rag.where import Where


@dataclass(frozen=True, slots=True)
class Chosen:
    """The collections chosen of one index: its settings, their folders, what is theirs in it."""

    settings: Settings
    folders: tuple[Path, ...] = ()
    where: Where = EVERYTHING


def chosen(settings: Settings, names: Sequence[str]) -> list[Chosen]:
    """The indexes of the collections named, each once; without names the usual index, whole.

    Raises SearchError if there is no such collection, or nothing says what is in it.
    """
    if not names:
        return [Chosen(settings)]
    by_index: dict[Path, list[tuple[tuple[Path, ...], Where]]] = {}
    for name in dict.fromkeys(names):
        index, folders, where = _collection(settings, name)
        by_index.setdefault(index, []).append((folders, where))
    found = []
    for index, held in by_index.items():
        wheres = [where for _, where in held]
        where = Where(any_of=tuple(wheres)) if all(wheres) else EVERYTHING
        where = wheres[0] if len(wheres) == 1 else where
        folders = tuple(dict.fromkeys(folder for several, _ in held for folder in several))
        found.append(Chosen(settings.model_copy(update={"index": index}), folders, where))
    return found


def _collection(settings: Settings, name: str) -> tuple[Path, tuple[Path, ...], Where]:
    """Its index, its folders, and what of the index is its; of its own index, all is."""
    if name not in settings.collections:
        known = ", ".join(sorted(settings.collections)) or "none: add a table [collections.NAME]"
        raise SearchError(f"There is no collection {name!r}. There are: {known}.")
    given = settings.collections[name]
    folders = tuple(folder.resolve() for folder in given.folders)
    index = given.index or settings.index
    is_own = index.resolve() != settings.index.resolve()
    where = Where(
        folders=() if is_own else tuple(map(str, folders)),
        globs=given.globs,
        types=given.types,
        languages=given.languages,
    )
    if not is_own and not where:
        raise SearchError(
            f"Nothing says what is in the collection {name!r}. "
            f"Give [collections.{name}] folders, or an index of its own."
        )
    return index, folders, where


@contextmanager
def open_several(
    several: Sequence[Chosen], say: Say, with_generator: bool
) -> Iterator[RecordedFootnote]:
    """The pipeline over several indexes, which are only read, with one encoder."""
    settings = several[0].settings
    encoder = parts.open_encoder(settings, say)
    with ExitStack() as opened:
        found = []
        for one in several:
            folder = generations.current(one.settings.index)
            opened.enter_context(generations.hold(folder))
            parts.open_catalog(one.settings.index).close()  # says clearly if there is no index
            dimension = generations.dimension_of(folder) or encoder.dimension
            indexes = opened.enter_context(
                parts.open_indexes(one.settings, dimension, read_only=True)
            )
            stored = indexes.catalog.get_meta(ENCODER_KEY)
            is_fit = stored in (None, encoder.fingerprint)
            found.append(Part(indexes, Retriever(indexes, encoder if is_fit else None), one.where))
        generator = parts.open_generator(settings, say) if with_generator else None
        if generator is not None:
            opened.callback(generator.close)
        reranker = parts.open_reranker(settings, say)
        recording = opened.enter_context(closing(Recording(settings)))
        footnote = Footnote(
            Federation(found),
            encoder,
            generator,
            top_k=settings.top_k,
            context_tokens=parts.context_tokens(settings) if generator else None,
            **parts.writing_options(settings),
            reranker=reranker,
            rewrites=generator is not None and parts.rewrites_by_model(settings),
        )
        yield recording.recorded(footnote)
