from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rag import lexical, lexical_filter
from rag.errors import IndexStateError
from rag.id_set import IdSet
from rag.lexical import LexicalIndex
from rag.words import tokenize

CORPUS = {
    1: "the cat sat on the mat",
    2: "the dog chased the cat and the cat ran",
    3: "a dog is a dog is a dog",
    4: "rain in Spain",
    5: "cat",
}


def fill(index: LexicalIndex, texts: dict[int, str], sequence: int = 1) -> None:
    index.apply([(i, text, "en") for i, text in texts.items()], [], sequence)


def bm25(query: str, k1: float = 1.2, b: float = 0.75) -> dict[int, float]:
    """The closed form (Robertson and Zaragoza 2009), with Lucene's idf."""
    documents = {i: tokenize(text) for i, text in CORPUS.items()}
    mean = sum(map(len, documents.values())) / len(documents)
    scores: dict[int, float] = {}
    for word in set(tokenize(query)):
        holding = sum(word in words for words in documents.values())
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for i, words in documents.items():
            if tf := words.count(word):
                norm = k1 * (1 - b + b * len(words) / mean)
                scores[i] = scores.get(i, 0.0) + idf * tf * (k1 + 1) / (tf + norm)
    return scores


@pytest.mark.parametrize("query", ["cat", "dog cat", "the rain", "cat dog mat spain a"])
def test_scores_are_the_closed_form(query: str) -> None:
    index = LexicalIndex(None)
    fill(index, CORPUS)
    expected = bm25(query)
    found = index.search(query, 10)
    assert [i for i, _ in found] == sorted(expected, key=lambda i: (-expected[i], i))
    assert dict(found) == pytest.approx(expected, rel=1e-4)
    some = {i: score for i, score in found if i in (2, 3, 5)}
    assert index.scores_of(query, [2, 3, 5, 99]) == pytest.approx(some)
    assert index.scores_of(query, []) == index.scores_of(" ", [2]) == {}
    allowed = {2, 3, 99}
    filtered = index.search(query, 10, allowed)  # the filter changes no score
    assert dict(filtered) == pytest.approx({i: s for i, s in expected.items() if i in allowed})


def test_chinese_and_identifiers_are_found() -> None:
    index = LexicalIndex(None)
    fill(index, {1: "个人所得税的起征点", 2: "企业所得税", 3: "Error ERR-4012 in v2.5", 4: "4012"})
    assert [i for i, _ in index.search("个人所得税", 5)] == [1, 2]
    assert [i for i, _ in index.search("ERR-4012 AND (", 5)] == [3, 4]  # never query syntax
    assert index.search("起征点", 5)[0][0] == 1


def test_empty_filters_queries_and_indexes_find_nothing() -> None:
    index = LexicalIndex(None)
    assert index.search("cat", 5) == []
    assert index.ids().tolist() == []
    fill(index, CORPUS)
    assert index.search("cat", 5, set()) == []
    assert index.search("cat", 5, {99}) == []
    assert index.search("?!", 5) == []
    assert index.search("cat", 0) == []
    assert len(index.search("cat", 2)) == 2


def test_a_filter_finds_what_ranks_far_below() -> None:
    index = LexicalIndex(None)
    fill(
        index, {i: "cat " * (1 + i % 5) + "dog" for i in range(1, 500)} | {500: "cat " + "x " * 30}
    )
    assert [i for i, _ in index.search("cat", 1, {500})] == [500]


def test_replay_is_harmless_and_deletes_stay(tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "lexical")
    for _ in range(2):
        fill(index, CORPUS, 5)
    index.apply([(6, "cat six", "en")], [1, 2, 99], 8)
    assert index.ids().tolist() == [3, 4, 5, 6]
    assert {i for i, _ in index.search("cat", 9)} == {5, 6}
    index.close()
    again = LexicalIndex(tmp_path / "lexical")
    assert (again.sequence, again.ids().tolist()) == (8, [3, 4, 5, 6])
    again.apply([], [3], 9)
    assert len(again) == 3
    again.close()


def test_a_failed_apply_leaves_nothing(tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path)
    fill(index, CORPUS, 5)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        index.apply([(7, "seven", "en"), (-1, "bad", "en")], [1], 6)
    assert (index.sequence, index.ids().tolist()) == (5, [1, 2, 3, 4, 5])
    index.apply([(8, "eight", "en")], [], 6)
    assert index.ids().tolist() == [1, 2, 3, 4, 5, 8]
    index.close()


def test_what_is_committed_is_found_though_its_number_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError("No space left on device")

    index = LexicalIndex(tmp_path / "words")
    fill(index, {1: "the pump is blue", 2: "the valve is red"})
    monkeypatch.setattr(index, "_write_sequence", full)
    with pytest.raises(OSError, match="No space"):
        index.apply([], [1], 2)
    assert [int(one) for one in index.ids()] == [2]


def test_a_second_writer_is_refused_and_damage_is_named(tmp_path: Path) -> None:
    first, second = LexicalIndex(tmp_path), LexicalIndex(tmp_path)
    fill(first, CORPUS)
    with pytest.raises(IndexStateError, match="another process"):
        fill(second, CORPUS)
    first.close()
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(IndexStateError, match="delete it"):
        LexicalIndex(tmp_path)


def test_another_process_searches_and_reloads(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from rag.lexical import LexicalIndex\n"
        "index = LexicalIndex(Path(sys.argv[1]))\n"
        "print(index.sequence, [i for i, _ in index.search('zebra', 9)], flush=True)\n"
        "sys.stdin.readline(); index.reload()\n"
        "print(index.sequence, [i for i, _ in index.search('zebra', 9)], flush=True)\n"
    )
    index = LexicalIndex(tmp_path)
    fill(index, CORPUS | {9: "zebra"}, 3)
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        assert reader.stdout.readline() == "3 [9]\n"
        index.apply([(10, "zebra two", "en")], [9], 4)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "4 [10]\n"
    index.close()


@pytest.mark.parametrize("max_fetched", [0, 20_000])
@pytest.mark.parametrize("cheap", ["COLUMN_SPAN_MS", "TERM_SPAN_MS", "SOME_MEMBERS_MS"])
@pytest.mark.parametrize("compact_ms", [0, 10**9])
def test_every_way_to_narrow_finds_the_same(
    max_fetched: int, cheap: str, compact_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "MAX_FETCHED", max_fetched)
    monkeypatch.setattr(lexical_filter, "MAX_FETCHED", max_fetched)
    monkeypatch.setattr(lexical_filter, "COMPACT_MS", compact_ms)
    for name in ("COLUMN_SPAN_MS", "TERM_SPAN_MS", "SOME_MEMBERS_MS"):
        monkeypatch.setattr(lexical_filter, name, 0.0 if name == cheap else 1e6)
    index = LexicalIndex(None)
    fill(index, {i: f"pump {'valve ' * (i % 7)} x{i}" for i in range(1, 300)})
    everything = index.search("valve pump", 1000)
    for allowed in (range(10, 60), range(1, 300, 3), [5], [*range(250, 260), 9, 400]):
        members = IdSet(allowed)
        for k in (1, 5, 1000):
            kept = [hit for hit in everything if hit[0] in set(allowed)]
            found = index.search("valve pump", k, members)
            assert [score for _, score in found] == [score for _, score in kept[:k]]
            assert set(found) <= set(kept)
        assert index.search("valve pump", 1000, members) == kept
        assert index.search("x5", 3, members) == [
            h for h in index.search("x5", 3) if h[0] in allowed
        ]
    assert index.search("pump", 5, IdSet([1000])) == []


@pytest.mark.parametrize("max_fetched", [0, 20_000])
def test_languages_narrow_too(max_fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "MAX_FETCHED", max_fetched)
    monkeypatch.setattr(lexical_filter, "MAX_FETCHED", max_fetched)
    index = LexicalIndex(None)
    rows = [(i, f"pump {i} valve", ("en", "zh", "de")[i % 3]) for i in range(1, 200)]
    index.apply(rows, [], 1)
    everything = index.search("pump valve", 1000)
    few = IdSet(i for i in range(1, 200) if i % 4 == 0)
    for languages in (["zh"], ["de", "zh"]):
        right = {i for i, _, language in rows if language in languages}
        kept = [hit for hit in everything if hit[0] in right]
        assert index.search("pump valve", 1000, languages=languages) == kept
        narrow = [hit for hit in kept if hit[0] % 4 == 0]
        assert index.search("pump valve", 1000, few, languages) == narrow
    assert index.search("pump", 9, languages=["fr"]) == []


def test_english_endings_do_not_matter_but_are_kept() -> None:
    index = LexicalIndex(None)
    fill(index, {1: "The studies of running engines", 2: "a study", 3: "他研究发动机"})
    assert [i for i, _ in index.search("study engine runs", 5)] == [1, 2]
    assert index.count("studies") == index.count("study") == 1 and index.count("studi") == 0
    assert index.vocabulary("stud", 5) == [("studies", 1), ("study", 1)]
    assert index.search("研究", 5)[0][0] == 3


def test_an_index_by_other_rules_is_refused_and_told_to_be_deleted(tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path)
    fill(index, CORPUS)
    index.close()
    file = tmp_path / lexical.SEQUENCE_FILE
    file.write_text(file.read_text().replace(f": {lexical.FORMAT_VERSION},", ": 1,"))
    with pytest.raises(IndexStateError, match=r"format is 1.*delete it"):
        LexicalIndex(tmp_path)


def test_what_a_killed_deletion_left_does_not_stop_the_next(tmp_path: Path) -> None:
    kept, killed = tmp_path / "kept", tmp_path / "killed"
    fill(LexicalIndex(kept), CORPUS)
    shutil.copytree(kept, killed)
    LexicalIndex(killed).apply([], [2], 2)
    left = [path for path in killed.iterdir() if path.suffix == ".del"]
    for path in [*left, killed / ".managed.json"]:  # all but the commit itself
        shutil.copy(path, kept / path.name)
    index = LexicalIndex(kept)
    index.apply([], [2], 2)
    assert left and {hit for hit, _ in index.search("cat", 9)} == {1, 5}
