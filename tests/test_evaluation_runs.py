from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SettingError
from rag.evaluation.runs import NUM_TIMED, read_run, search_all, time_queries, write_run
from rag.types import Hit, StoredChunk

IDS = st.text("abc刑法#-_.()0", min_size=1, max_size=6)
RUNS = st.dictionaries(IDS, st.lists(IDS, min_size=1, max_size=200, unique=True), max_size=4)


def hit(rank: int, path: str) -> Hit:
    return Hit(rank, 1 / rank, StoredChunk(rank, 1, path, "", 0, 0, 1, "", (), None, "en"))


class Ranking:
    """Finds the same chunks for every query; `asked` are the numbers asked for."""

    def __init__(self, paths: str) -> None:
        self.hits = [hit(rank, path) for rank, path in enumerate(paths, start=1)]
        self.asked: list[int] = []

    def __call__(self, query: str, top_k: int) -> list[Hit]:
        self.asked.append(top_k)
        return self.hits[:top_k]


def ranks(search: Ranking, top_k: int, depth: int) -> list[str]:
    run = search_all(
        search, {"q": "?"}, top_k=top_k, depth=depth, document_id=lambda found: found.chunk.path
    )
    return run["q"]


def test_a_document_ranks_where_its_best_chunk_does() -> None:
    assert ranks(Ranking("aabcab"), top_k=6, depth=3) == ["a", "b", "c"]


def test_deeper_searches_fill_the_ranking_up() -> None:
    search = Ranking("aaaaaaaabc")
    assert ranks(search, top_k=2, depth=3) == ["a", "b", "c"]
    assert search.asked == [2, 6, 12]  # after 12 there is nothing more
    search = Ranking("aaabcd")
    assert ranks(search, top_k=5, depth=2) == ["a", "b"]
    assert search.asked == [5]


def test_the_first_ranks_are_those_of_the_search_that_people_make() -> None:
    def search(query: str, top_k: int) -> list[Hit]:
        return Ranking("ab" if top_k == 2 else "cbad").hits

    run = search_all(search, {"q": "?"}, top_k=2, depth=4, document_id=lambda h: h.chunk.path)
    assert run == {"q": ["a", "b", "c", "d"]}


@pytest.mark.parametrize("num_queries", [1, 7, NUM_TIMED, 3 * NUM_TIMED + 1])
def test_timing_takes_queries_from_all_over(num_queries: int) -> None:
    seen: list[str] = []

    def search(query: str, top_k: int) -> list[Hit]:
        seen.append(query)
        return []

    seconds = time_queries(search, [str(n) for n in range(num_queries)], top_k=5)
    timed = seen[len(seen) - len(seconds) :]
    assert len(seconds) == min(num_queries, NUM_TIMED) == len(set(timed))
    assert max(map(int, timed)) >= num_queries * 0.99 - 1


@given(RUNS)
def test_a_written_run_reads_as_it_was(tmp_path_factory: pytest.TempPathFactory, run: dict) -> None:
    path = tmp_path_factory.mktemp("runs") / "deep" / "run.trec"
    write_run(run, path)
    assert read_run(path) == run


def test_runs_of_other_programs_are_sorted_by_score(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q Q0 a 7 0.5 x\nq Q0 b 9 1e3 x\n\nq Q0 a 8 0.1 x\n", "utf-8")
    assert read_run(path) == {"q": ["b", "a"]}


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    with pytest.raises(SettingError, match="white space"):
        write_run({"q": ["a b"]}, path)
    path.write_text("q Q0 a 1 0.5 x\nq a 0.5\n", "utf-8")
    with pytest.raises(SettingError, match="line 2"):
        read_run(path)
    with pytest.raises(SettingError, match=r"none\.trec cannot be read"):
        read_run(tmp_path / "none.trec")
