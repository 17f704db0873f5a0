"""The command `footnote tune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_making import DEFAULT_QUESTIONS, questions
from rag.cli_options import JsonOption, open_settings
from rag.config import DEFAULT_FILE, PREFIX, settings_file
from rag.errors import SettingError

if TYPE_CHECKING:
    from rag.evaluation.tuning import Trial, Tuning

QuestionsOption = Annotated[
    Path, typer.Option("--questions", help="Questions of `eval questions`, or BEIR's layout.")
]


def register(app: typer.Typer, eval_app: typer.Typer) -> None:
    """Add the commands."""
    eval_app.command()(questions)
    app.command()(tune)


def tune(
    folder: QuestionsOption = DEFAULT_QUESTIONS,
    write: Annotated[bool, typer.Option("--write", help="Write what helps to the file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try settings on questions; recommend what helps on both halves of them, if anything does.

    Half of the questions choose, the other half confirms. Documents are encoded for every way
    to cut them, once.

    Example: footnote eval questions ~/papers --count 100 && footnote tune
    """
    from rag.evaluation.indexing import Encoders, default_store
    from rag.evaluation.tuning import candidates, measure_for
    from rag.evaluation.tuning import tune as find_better

    settings = open_settings(None)
    if not folder.is_dir():
        raise SettingError(
            f"There are no questions in {folder}. Make them: footnote eval questions FOLDER"
        )
    with output.clean_stdout() as stdout:
        encoders = Encoders(default_store(settings))
        try:
            encoder, _ = encoders.get(settings)
            tried = candidates(settings, encoder.max_tokens)
            measure = measure_for(folder, encoders, output.say)
            found = find_better(settings, measure, tried, output.say)
        finally:
            encoders.close()
        if as_json:
            output.print_json(_tuning_json(found), stdout)
        else:
            _print_tuning(found, stdout)
        _say_how(found.recommended, write)


def _tuning_json(found: Tuning) -> dict[str, Any]:
    return {
        "questions": found.num_questions,
        "before": {name: round(value, 5) for name, value in found.before.items()},
        "tried": [_trial_json(trial) for trial in found.trials],
        "confirmed": _trial_json(found.confirmed) if found.confirmed else None,
        "recommended": found.recommended,
    }


def _trial_json(trial: Trial) -> dict[str, Any]:
    from rag.evaluation.report import difference_json

    return {"changes": trial.changes, "is_better": trial.is_better} | difference_json(
        trial.differences
    )


def _print_tuning(found: Tuning, out: Any) -> None:
    from rag.evaluation.report import difference_text
    from rag.evaluation.spans import GAIN, RECALL_5, RECALL_10
    from rag.evaluation.tuning import as_text

    names = (GAIN, RECALL_5, RECALL_10)
    head = ", ".join(f"{name} {found.before[name]:.3f}" for name in names)
    print(f"The present settings, on {found.num_questions} questions: {head}", file=out)
    print(f"On the first half, {GAIN} changes by [95 %], p:", file=out)
    rows = [(as_text(one.changes), difference_text(one.gain)) for one in found.trials]
    output.print_rows(rows, out)
    if found.confirmed is None:
        print("Nothing was better than the present settings by more than chance.", file=out)
        return
    print(f"On the other half, {as_text(found.confirmed.changes)}:", file=out)
    differences = found.confirmed.differences
    output.print_rows([(name, difference_text(differences[name])) for name in names], out)
    if not found.recommended:
        print("The other half does not confirm it: keep the present settings.", file=out)


def _say_how(changes: dict[str, Any], write: bool) -> None:
    """Which lines to write, or that they are written."""
    from rag.evaluation.tuning import MODE, toml_lines

    if MODE in changes:
        output.say(f"Ask with --mode {changes[MODE]}; there is no setting for it.")
    kept = {name: value for name, value in changes.items() if name != MODE}
    if not kept:
        return
    path = settings_file() or Path(DEFAULT_FILE)
    lines = toml_lines(kept)
    if not write:
        output.say("\n".join([f"Put into {path} (or add --write):", *lines]))
    else:
        _write(path, dict(zip(kept, lines, strict=True)))
    if "chunk_tokens" in kept:
        output.say("The next `footnote sync` cuts and encodes the documents anew.")


def _write(path: Path, lines: dict[str, str]) -> None:
    from rag.settings_edit import with_settings

    try:
        text = path.read_text("utf-8-sig") if path.exists() else ""
        path.write_text(with_settings(text, lines), "utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SettingError(
            f"{path} cannot be changed ({error}). Write into it: {', '.join(lines.values())}"
        ) from error
    output.say(f"Written to {path}: {', '.join(lines.values())}")
    for name in lines:
        if os.environ.get(PREFIX + name.upper()):
            output.say(f"But {PREFIX}{name.upper()} in the environment goes before it: unset it.")
