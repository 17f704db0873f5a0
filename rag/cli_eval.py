"""The commands `footnote eval ...`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_attacks import attacks
from rag.errors import SettingError
from rag.logs import configure_logs

if TYPE_CHECKING:
    from rag.evaluation.datasets import Dataset
    from rag.evaluation.experiment import Configuration
    from rag.evaluation.results import Result

eval_app = typer.Typer(help="Measure retrieval on test collections.", no_args_is_help=True)

DatasetArgument = Annotated[
    list[Path],
    typer.Argument(help="Folders with corpus.jsonl, queries.jsonl and qrels/test.tsv."),
]
StoreOption = Annotated[
    Path | None,
    typer.Option("--index", help="Where indexes are kept between runs (default: in the cache)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
MergeOption = Annotated[
    bool,
    typer.Option("--merge", help="All documents in one index; each collection's own questions."),
]
DepthOption = Annotated[
    int, typer.Option("--depth", min=1, help="Documents of a ranking; 10 is faster.")
]


eval_app.command()(attacks)


@eval_app.command()
def retrieval(
    datasets: DatasetArgument,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting.")
    ] = None,
    mode: Annotated[str, typer.Option("--mode", help="hybrid, dense or lexical.")] = "hybrid",
    merge: MergeOption = False,
    run: Annotated[
        Path | None, typer.Option("--run", help="Write TREC runs: a file, for several a folder.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Compare with runs, named as by --run.")
    ] = None,
    depth: DepthOption = 100,
    index: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """nDCG, recall, reciprocal rank and latency on collections in BEIR's layout.

    Documents go through ingest into an index, which is kept for the next time.

    Example: footnote eval retrieval scifact --set chunk_tokens=200 --run out.trec
    """
    from rag.evaluation.experiment import make_configuration
    from rag.evaluation.runs import write_run

    configuration = make_configuration("footnote", [*(set_ or []), f"mode={mode}"])
    with output.clean_stdout() as out:
        found = _read(datasets)
        baselines = [_baseline(one, against, len(found) > 1) for one in found]
        results = list(_run([configuration], found, merge, depth, index))
        for result in results:
            if run is not None:
                write_run(result.run, _run_file(run, result.dataset, len(found) > 1))
        _print(results, baselines, as_json, out)


@eval_app.command()
def compare(
    datasets: DatasetArgument,
    config: Annotated[
        list[str],
        typer.Option("--config", metavar="NAME:KEY=VALUE,...", help="The first is the baseline."),
    ],
    merge: MergeOption = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw it, as SVG.")] = None,
    depth: DepthOption = 100,
    index: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set configurations side by side: figures, differences from the first, significance.

    A configuration is a name and settings; the key `mode` is the search mode.

    Example: footnote eval compare scifact --config base: --config dense:mode=dense --plot a.svg
    """
    from rag.evaluation.experiment import parse_configuration

    configurations = [parse_configuration(text) for text in config]
    if len({one.name for one in configurations}) < len(configurations):
        raise SettingError("Two configurations have the same name. Give each its own.")
    with output.clean_stdout() as out:
        found = _read(datasets)
        results = list(_run(configurations, found, merge, depth, index))
        order = {dataset.name: number for number, dataset in enumerate(found)}
        results.sort(key=lambda result: order[result.dataset])
        first = {r.dataset: r for r in results if r.configuration == configurations[0].name}
        baselines = [None if r is first[r.dataset] else first[r.dataset] for r in results]
        _print(results, baselines, as_json, out)
        if plot is not None:
            _plot(results, plot)


def _read(folders: Sequence[Path]) -> list[Dataset]:
    from rag.evaluation.datasets import read_dataset

    datasets = [read_dataset(folder.expanduser()) for folder in folders]
    if len({dataset.name for dataset in datasets}) < len(datasets):
        raise SettingError("Two collections have the same folder name. Rename one, or leave it.")
    return datasets


def _run(
    configurations: Sequence[Configuration],
    datasets: Sequence[Dataset],
    merge: bool,
    depth: int,
    index: Path | None,
) -> Iterator[Result]:
    from rag.evaluation.experiment import evaluate
    from rag.evaluation.indexing import Encoders, default_store

    settings = configurations[0].settings
    configure_logs(settings.log_level, settings.log_format)
    encoders = Encoders(index.expanduser() if index else default_store(settings))
    try:
        for configuration in configurations:
            yield from evaluate(datasets, configuration, encoders, merge=merge, depth=depth)
    finally:
        encoders.close()


def _run_file(given: Path, dataset: str, are_several: bool) -> Path:
    return given / f"{dataset}.trec" if are_several else given


def _baseline(dataset: Dataset, against: Path | None, are_several: bool) -> Result | None:
    from rag.evaluation.measures import measure_run
    from rag.evaluation.results import Result
    from rag.evaluation.runs import read_run

    if against is None:
        return None
    file = _run_file(against, dataset.name, are_several)
    run = read_run(file)
    if not run.keys() & dataset.qrels.keys():
        raise SettingError(f"{file} ranks none of the queries of {dataset.name}. Give its run.")
    return Result(dataset.name, file.name, 0, 0, run, measure_run(run, dataset.qrels), [])


def _print(
    results: Sequence[Result], baselines: Sequence[Result | None], as_json: bool, out: Any
) -> None:
    from rag.evaluation.report import difference_json, differences, print_results

    found = [
        differences(result, baseline) if baseline else None
        for result, baseline in zip(results, baselines, strict=True)
    ]
    if not as_json:
        print_results(results, found, out)
        return
    rows = []
    for result, baseline, one in zip(results, baselines, found, strict=True):
        row = result.as_json()
        if baseline is not None and one is not None:
            row["against"] = {"name": baseline.configuration, **difference_json(one)}
        rows.append(row)
    output.print_json(rows, out)


def _plot(results: Sequence[Result], path: Path) -> None:
    from rag.evaluation.plot import Bar, write_plot
    from rag.evaluation.report import MAIN_MEASURE
    from rag.evaluation.significance import mean_interval

    groups: dict[str, list[Bar]] = {}
    for result in results:
        bar = (result.configuration, *mean_interval(result.values[MAIN_MEASURE]))
        groups.setdefault(result.dataset, []).append(bar)
    write_plot(f"{MAIN_MEASURE}, with 95 % intervals", list(groups.items()), path)
    output.say(f"Drawn: {path}")
