"""Runs: for each query the documents that a search found, best first; as TREC's run files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from rag.errors import SettingError
from rag.types import Hit

Run = dict[str, list[str]]  # by query id: document ids, best first
Search = Callable[[str, int], Sequence[Hit]]  # (query, how many chunks) -> chunks, best first

NUM_TIMED = 200  # queries; a 95th percentile rests on ten of them
WARM_UP_QUERIES = 3
MAX_DOUBLINGS = 4  # of the chunks asked for, where documents have many
FIRST_DEPTH = 2  # chunks a document, asked for at first


def search_all(
    search: Search,
    queries: Mapping[str, str],
    *,
    top_k: int,
    depth: int,
    document_id: Callable[[Hit], str],
) -> Run:
    """Ask every query; a document ranks where its best chunk does.

    The first ranks are those of a search for `top_k` chunks, as people search; further ranks, up
    to `depth` documents, come from deeper searches.
    """
    run = {}
    for number, query in queries.items():
        found = _distinct(map(document_id, search(query, top_k)))
        if len(found) < depth:
            found = _distinct([*found, *_deep(search, query, depth, document_id)])
        run[number] = found[:depth]
    return run


def time_queries(search: Search, queries: Sequence[str], *, top_k: int) -> list[float]:
    """Seconds of each of NUM_TIMED queries, taken evenly from all."""
    timed = [queries[i * len(queries) // NUM_TIMED] for i in range(NUM_TIMED)]
    timed = _distinct(timed)
    for query in timed[:WARM_UP_QUERIES]:
        search(query, top_k)
    seconds = []
    for query in timed:
        started = perf_counter()
        search(query, top_k)
        seconds.append(perf_counter() - started)
    return seconds


def _deep(search: Search, query: str, depth: int, document_id: Callable[[Hit], str]) -> list[str]:
    """At least `depth` documents, where there are as many."""
    found: list[str] = []
    for doubling in range(MAX_DOUBLINGS):
        num_chunks = FIRST_DEPTH * depth << doubling
        hits = search(query, num_chunks)
        found = _distinct(map(document_id, hits))
        if len(found) >= depth or len(hits) < num_chunks:
            break
    return found


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def write_run(run: Run, path: Path, tag: str = "footnote") -> None:
    """Write `query Q0 document rank score tag`; scores fall with the rank, so that none tie.

    Raises SettingError if the file cannot be written or an id holds white space.
    """
    lines = []
    for query, documents in run.items():
        for rank, document in enumerate(documents, start=1):
            fields = (query, "Q0", document, str(rank), f"{1 / rank:.8f}", tag)
            if any(not field or len(field.split()) != 1 for field in fields):
                raise SettingError(
                    f"A run file parts its columns by spaces, which {fields[:3]} would break. "
                    "Give queries and documents ids without white space."
                )
            lines.append(" ".join(fields))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error}). Give another file.") from error


def read_run(path: Path) -> Run:
    """Read a TREC run file, of any program. Raises SettingError that names the line."""
    scored: dict[str, list[tuple[float, str]]] = {}
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read ({error}). Give a TREC run file.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            query, _, document, _, score, _ = line.split()
            scored.setdefault(query, []).append((float(score), document))
        except ValueError as error:
            raise SettingError(
                f"{path}, line {number}: not `query Q0 document rank score tag`. Correct it."
            ) from error
    by_score = {query: sorted(rows, key=lambda row: -row[0]) for query, rows in scored.items()}
    return {query: _distinct(one for _, one in rows) for query, rows in by_score.items()}
