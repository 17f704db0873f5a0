"""Picks settings by questions: half of them choose, the other half confirms or refuses."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.errors import SettingError
from rag.evaluation.datasets import read_dataset
from rag.evaluation.experiment import Configuration, evaluate, make_search
from rag.evaluation.indexing import Encoders, open_folders_index
from rag.evaluation.measures import PerQuery
from rag.evaluation.question_files import Question, read_questions
from rag.evaluation.significance import Difference, difference
from rag.evaluation.spans import (
    DEPTH,
    GAIN,
    RECALL_5,
    RECALL_10,
    measure_positions,
    position,
    search_enough,
    still_there,
    usual_characters,
)
from rag.indexes import Indexes
from rag.types import Hit

SEED = 20260101
ALPHA = 0.05
MIN_QUESTIONS = 20  # fewer show nothing, whatever is tried
MIN_CHUNK_TOKENS = 64
MODE = "mode"  # no setting: said when asking

Changes = dict[str, Any]  # settings by name, and MODE
Measure = Callable[[Configuration], PerQuery]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """Changed settings, and how much better they are than the present ones, by measure."""

    changes: Changes
    differences: dict[str, Difference]

    @property
    def gain(self) -> Difference:
        return self.differences[GAIN]

    @property
    def is_better(self) -> bool:
        return self.gain.mean > 0 and self.gain.p_value < ALPHA


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was tried on one half; the best of it on the other half, if anything was better."""

    trials: list[Trial]
    confirmed: Trial | None
    before: dict[str, float] = field(default_factory=dict)  # means of all questions
    num_questions: int = 0

    @property
    def recommended(self) -> Changes:
        """Nothing where nothing is more than chance on both halves."""
        return self.confirmed.changes if self.confirmed and self.confirmed.is_better else {}


def candidates(settings: Settings, max_tokens: int) -> list[Changes]:
    """Single changes that are worth a try; `max_tokens` is what the encoder reads."""
    present = min(settings.chunk_tokens, max_tokens)
    sizes = (present // 2, min(present * 2, max_tokens))
    fit = [size for size in sizes if size >= MIN_CHUNK_TOKENS and size != present]
    return [
        *({"chunk_tokens": size} for size in fit),
        {"top_k": settings.top_k * 2},
        {"sentence_vectors": not settings.sentence_vectors},
        {MODE: "dense"},
        {MODE: "lexical"},
    ]


def tune(
    settings: Settings, measure: Measure, tried: Sequence[Changes], say: Say, seed: int = SEED
) -> Tuning:
    """Try all changes, and those together that help alone; confirm the best.

    Raises SettingError if there are too few questions.
    """
    say("Measuring the present settings")
    present = measure(configuration(settings, {}))
    queries = sorted(present[GAIN])
    if len(queries) < MIN_QUESTIONS:
        raise SettingError(
            f"{len(queries)} questions are too few to tell settings apart. Make at least "
            f"{MIN_QUESTIONS}, better 100: footnote eval questions --count 100"
        )
    random.Random(seed).shuffle(queries)
    first, second = queries[::2], queries[1::2]
    measured: list[tuple[Changes, PerQuery]] = []

    def attempt(changes: Changes) -> Trial:
        say(f"Trying {as_text(changes)}")
        values = measure(configuration(settings, changes))
        measured.append((changes, values))
        return _trial(changes, values, present, first)

    trials = [attempt(changes) for changes in tried]
    together = _together(trials)
    if together:
        trials.append(attempt(together))
    best = max(filter(_is_better, trials), key=lambda one: one.gain.mean, default=None)
    confirmed = None
    if best is not None:
        values = next(found for changes, found in measured if changes == best.changes)
        confirmed = _trial(best.changes, values, present, second)
    before = {name: sum(of.values()) / len(of) for name, of in present.items()}
    return Tuning(trials, confirmed, before, len(queries))


def _is_better(trial: Trial) -> bool:
    return trial.is_better


def _together(trials: Sequence[Trial]) -> Changes:
    """The best change of every setting that helps alone; nothing if that is one setting."""
    best: Changes = {}
    for trial in sorted(filter(_is_better, trials), key=lambda one: -one.gain.mean):
        best = trial.changes | best
    return best if len(best) > 1 else {}


def _trial(changes: Changes, ours: PerQuery, theirs: PerQuery, queries: Sequence[str]) -> Trial:
    names = (GAIN, RECALL_5, RECALL_10)
    return Trial(
        changes,
        {name: difference(_of(ours[name], queries), _of(theirs[name], queries)) for name in names},
    )


def _of(values: Mapping[str, float], queries: Sequence[str]) -> dict[str, float]:
    return {query: values[query] for query in queries}


def configuration(settings: Settings, changes: Changes) -> Configuration:
    """The settings with the changes."""
    given = {name: value for name, value in changes.items() if name != MODE}
    mode = changes.get(MODE, "hybrid")
    return Configuration(as_text(changes), settings.model_copy(update=given), mode)


def as_text(changes: Changes) -> str:
    """As it stands in the settings' file, parted by commas."""
    return ", ".join(toml_lines(changes)) or "the present settings"


def toml_lines(changes: Changes) -> list[str]:
    """A line a setting."""
    return [f"{name} = {toml_value(value)}" for name, value in changes.items()]


def toml_value(value: Any) -> str:
    """A truth value, a number or a word as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


# What is measured


def measure_for(folder: Path, encoders: Encoders, say: Say) -> Measure:
    """By the sentences that answer, for questions of `eval questions`; else by documents.

    Raises SettingError if the folder holds neither.
    """
    found = read_questions(folder)
    if found is not None:
        return SpanMeasure(*found, encoders, say)
    dataset = read_dataset(folder)

    def by_documents(asked: Configuration) -> PerQuery:
        (result,) = evaluate([dataset], asked, encoders, depth=int(DEPTH))
        return result.values

    return by_documents


class SpanMeasure:
    """Reads the folders with given settings, and asks the questions.

    The first call's passages are the usual ones, that positions are counted in.
    """

    def __init__(
        self, roots: Sequence[Path], questions: Sequence[Question], encoders: Encoders, say: Say
    ) -> None:
        missing = [str(root) for root in roots if not root.exists()]
        if missing:
            raise SettingError(
                f"The questions are about {', '.join(missing)}, which is not there any more. "
                "Bring it back, or make questions anew: footnote eval questions"
            )
        self._roots = roots
        self._questions = list(questions)
        self._encoders = encoders
        self._say = say
        self._usual: dict[str, float] = {}

    def __call__(self, asked: Configuration) -> PerQuery:
        """By measure and query id."""
        settings = asked.settings
        _, encoder = self._encoders.get(settings)
        with open_folders_index(self._encoders.store, self._roots, settings, encoder) as indexes:
            if not self._usual:
                self._questions = list(self._present(indexes))
            search = make_search(asked, indexes, encoder)
            found = {
                one.query_id: self._position(search, one, settings.top_k) for one in self._questions
            }
        return measure_positions(found)

    def _position(
        self, search: Callable[[str, int], Sequence[Hit]], question: Question, top_k: int
    ) -> float:
        usual = self._usual.get(question.query_id)
        if usual is None:
            usual = usual_characters(search(question.text, top_k))
            self._usual[question.query_id] = usual
        hits = search_enough(search, question.text, top_k, DEPTH * usual)
        return position(hits, question.places, usual)

    def _present(self, indexes: Indexes) -> Iterator[Question]:
        """The questions that the documents still answer."""

        def text_of(path: str) -> str | None:
            stored = indexes.catalog.document_by_path(path)
            return indexes.catalog.document_text(stored.document_id) if stored else None

        num_gone = 0
        for question in self._questions:
            now = still_there(question, text_of)
            num_gone += now is None
            if now is not None:
                yield now
        if num_gone:
            self._say(f"{num_gone} questions are left out: what answers them is no longer there.")
