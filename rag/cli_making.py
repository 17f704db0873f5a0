"""The command `footnote eval questions`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_options import IndexOption, JsonOption, open_settings
from rag.cli_progress import count_progress
from rag.config import Settings
from rag.errors import FootnoteError, SettingError

if TYPE_CHECKING:
    from rag.evaluation.question_files import QuestionWriter
    from rag.evaluation.questions import Attempt, QuestionMaker
    from rag.generate import Generator
    from rag.indexes import Indexes

DEFAULT_QUESTIONS = Path("footnote-questions")
SECONDS_PER_QUESTION = 5  # with the packaged model on 2 cores; those left out are counted in
MAX_ATTEMPTS = 6  # for each question that is wanted
MIN_UNANSWERABLE = 2
UNANSWERABLE_SHARE = 5  # one for so many that are answered


def questions(
    folder: Annotated[
        Path | None, typer.Argument(help="Documents; those of the index if left out.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Questions with an answer.")] = 50,
    out: Annotated[Path, typer.Option("--out", help="Where to write.")] = DEFAULT_QUESTIONS,
    seed: Annotated[int, typer.Option("--seed", help="Another gives other questions.")] = 0,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a test set out of your own documents: the model writes questions and checks them.

    One a passage, in its language, kept if the search finds the passage again and the model
    finds it answered there; and some that no passage answers. Ctrl-C keeps what is made.

    Example: footnote eval questions ~/papers --count 100 --out questions
    """
    from rag.evaluation.question_files import ABOUT_FILE

    settings = open_settings(index)
    if (out / ABOUT_FILE).exists():  # said before anything is loaded
        raise SettingError(f"{out} holds questions already. Remove it, or give another --out.")
    with (
        output.clean_stdout() as stdout,
        _opened(settings, folder) as (indexes, encoder, roots),
        _generator(settings, indexes) as generator,
    ):
        _say_cost(count, generator, settings)
        from rag.evaluation.questions import QuestionMaker
        from rag.retriever import Retriever

        maker = QuestionMaker(indexes.catalog, Retriever(indexes, encoder), generator)
        about = {"roots": [str(root) for root in roots], "seed": seed, "model": generator.name}
        writer = _writer(out, indexes, about)
        report = _make(maker, writer, count, seed)
        if as_json:
            output.print_json({"questions": str(out), **report}, stdout)
        else:
            _print_made(report, out)


@contextmanager
def _opened(settings: Settings, folder: Path | None) -> Iterator[tuple[Indexes, Any, list[Path]]]:
    """An index of the folder, kept for the next time, or the one that is there; its folders."""
    from rag.evaluation.indexing import Encoders, default_store, open_folders_index

    if folder is not None and not folder.expanduser().exists():
        raise SettingError(f"{folder} is not there. Name a folder of documents.")
    if folder is None:
        with _own_index(settings) as opened:
            yield opened
        return
    encoders = Encoders(default_store(settings))
    try:
        _, encoder = encoders.get(settings)
        root = folder.expanduser().resolve()
        with open_folders_index(encoders.store, [root], settings, encoder) as indexes:
            yield indexes, encoder, [root]
    finally:
        encoders.close()


@contextmanager
def _own_index(settings: Settings) -> Iterator[tuple[Indexes, Any, list[Path]]]:
    from rag import documents, generations, parts
    from rag.catalog import ENCODER_KEY

    parts.open_catalog(settings.index).close()  # says clearly if there is no index
    encoder = parts.open_encoder(settings, output.say)
    folder = generations.current(settings.index)
    dimension = generations.dimension_of(folder) or encoder.dimension
    with (
        generations.hold(folder),
        parts.open_indexes(settings, dimension, read_only=True) as indexes,
    ):
        is_fit = indexes.catalog.get_meta(ENCODER_KEY) in (None, encoder.fingerprint)
        roots = documents.all_roots([], indexes.catalog)
        yield indexes, encoder if is_fit else None, roots


@contextmanager
def _generator(settings: Settings, indexes: Indexes) -> Iterator[Generator]:
    """The language model, once it is sure that there is something to ask about."""
    from rag import parts

    if not indexes.catalog.counts()["documents"]:
        raise FootnoteError("There are no documents to ask about. Name another folder.")
    generator = parts.open_generator(settings, output.say)
    if generator is None:
        raise FootnoteError(
            "Questions are written by a language model, and there is none. Set generator (auto, "
            "or openai:URL of a server) and fetch it: footnote models fetch. "
            "`footnote doctor` says what is missing."
        )
    try:
        yield generator
    finally:
        generator.close()


def _say_cost(count: int, generator: Generator, settings: Settings) -> None:
    from rag import parts

    is_local = not settings.generator.startswith(parts.SERVER_PREFIX)
    if is_local and parts.pick_device(settings) == "cpu":
        minutes = count * SECONDS_PER_QUESTION / 60
        output.say(
            f"{generator.name} on this processor takes about {SECONDS_PER_QUESTION} s a question: "
            f"about {minutes:.0f} min for {count}. Ctrl-C ends it and keeps what is made."
        )
    else:
        output.say(f"{generator.name} writes {count} questions. Ctrl-C keeps what is made.")


def _writer(out: Path, indexes: Indexes, about: dict[str, Any]) -> QuestionWriter:
    from rag.evaluation.question_files import QuestionWriter

    catalog = indexes.catalog
    with catalog.snapshot():
        texts = {
            document.path: (document.title, catalog.document_text(document.document_id))
            for document in catalog.documents()
        }
    return QuestionWriter(out, texts, about)


def _make(maker: QuestionMaker, writer: QuestionWriter, count: int, seed: int) -> dict[str, Any]:
    """Write questions until there are enough, or Ctrl-C; what came of it."""
    num_unanswerable = max(MIN_UNANSWERABLE, count // UNANSWERABLE_SHARE)
    left_out: Counter[str] = Counter()
    started = time.monotonic()
    with (
        suppress(KeyboardInterrupt),
        count_progress("questions", count + num_unanswerable) as show,
    ):
        for attempt in _until(maker.answerable(seed), count, left_out):
            writer.add(attempt)
            show(writer.num_answerable)
        # Of another seed, so that they are about other passages.
        for attempt in _until(maker.unanswerable(seed + 1), num_unanswerable, left_out):
            writer.add_unanswerable(attempt)
            show(writer.num_answerable + writer.num_unanswerable)
    return {
        "answerable": writer.num_answerable,
        "unanswerable": writer.num_unanswerable,
        "wanted": count,
        "left_out": dict(left_out.most_common()),
        "seconds": round(time.monotonic() - started, 1),
    }


def _until(attempts: Iterable[Attempt], count: int, left_out: Counter[str]) -> Iterator[Attempt]:
    """The first `count` that are kept, of so many that it is not hopeless."""
    num_kept = 0
    for number, attempt in enumerate(attempts, start=1):
        if attempt.reason:
            left_out[attempt.reason] += 1
        else:
            num_kept += 1
            yield attempt
        if num_kept == count or number == MAX_ATTEMPTS * count:
            return


def _print_made(report: dict[str, Any], out: Path) -> None:
    made, wanted = report["answerable"], report["wanted"]
    num_written = made + report["unanswerable"] + sum(report["left_out"].values())
    spent = report["seconds"] / max(1, made + report["unanswerable"])
    output.say(
        f"Made {made} questions and {report['unanswerable']} without an answer, of {num_written} "
        f"written ({report['seconds']:.0f} s, {spent:.1f} s each): {out}"
    )
    for reason, number in report["left_out"].items():
        output.say(f"  left out: {number} ({reason})")
    if made < wanted:
        output.say(f"These are fewer than {wanted}: interrupted, or there are no more passages.")
    output.say(f"Read some of them. Then: footnote eval retrieval {out}, footnote tune")
