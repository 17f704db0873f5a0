from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fakes import WordEncoder
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import ingest.sync
from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from ingest.reading import Reading
from ingest.sync import Progress, SyncReport, remembered_roots, sync
from rag.errors import IndexStateError, SettingError
from rag.indexes import Indexes

DATA = Path(__file__).resolve().parent.parent / "data"


class DirectReader:
    """Reads in this process, and notes what it was asked for."""

    paths: ClassVar[list[str]] = []

    def __init__(self, *_: object) -> None:
        pass

    def read(self, path: Path) -> Any:
        self.paths.append(str(path))
        return read_document(path)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.sync, "ReadingProcess", DirectReader)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder gets one text at a time."""
    monkeypatch.setattr(ingest.sync, "FIRST_SLICE_CHUNKS", 1)
    monkeypatch.setattr(ingest.sync, "SLICE_SECONDS", (0.0, 1e9))


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder(dimension=64)


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with Indexes(tmp_path / "index", dimension=64, read_only=False) as opened:
        yield opened


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def write(path: Path, text: str, when: float = 1e9) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (when, when))


def run(indexes: Indexes, encoder: WordEncoder, *roots: Path, **others: Any) -> SyncReport:
    DirectReader.paths.clear()
    reading = Reading(readers=1)
    arguments = {"max_file_bytes": 10**6, "max_chunk_tokens": 50, "reading": reading, **others}
    return sync(indexes, encoder, roots, **arguments)


def counts(report: SyncReport) -> tuple[int, int, int, int, int]:
    return report.new, report.changed, report.moved, report.removed, report.unchanged


def content(indexes: Indexes) -> list[tuple[Any, ...]]:
    """Everything that is indexed, ids aside."""
    catalog = indexes.catalog
    rows = []
    for document in catalog.documents():
        for chunk in catalog.chunks_of(document.document_id):
            vector = catalog.vectors([chunk.chunk_id])[0]
            assert np.array_equal(indexes.dense.vectors(np.array([chunk.chunk_id]))[0], vector)
            rows.append(
                (document.path, document.title, document.content_hash, chunk.start, chunk.text,
                 chunk.headings, chunk.page, chunk.language, vector.tobytes())
            )  # fmt: skip
    return rows


def test_a_new_folder(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    write(docs / "a.txt", "Apples are red.")
    write(docs / "sub" / "b.md", "# Pears\n\nPears are green.")
    write(docs / "c.bin", "x")
    report = run(indexes, encoder, docs)
    assert counts(report) == (2, 0, 0, 0, 0)
    assert (report.num_chunks, report.num_encoded) == (2, 2)
    assert report.unsupported == [str(docs / "c.bin")]
    assert remembered_roots(indexes.catalog) == [str(docs)]
    assert indexes.verify() == []
    assert {r[4] for r in content(indexes)} == {"Apples are red.", "Pears\n\nPears are green."}


def test_pictures_come_last(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    for name in ("a.png", "b.txt", "c.JPG", "d.md"):
        write(docs / name, f"About {name}.")
    run(indexes, encoder, docs)
    names = [Path(path).name for path in DirectReader.paths]
    assert names == ["b.txt", "d.md", "a.png", "c.JPG"]


def test_an_unchanged_folder_is_neither_read_nor_encoded(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.txt", "Apples are red.")
    write(docs / "empty.txt", "")
    run(indexes, encoder, docs)
    encoder.documents.clear()
    sequence = indexes.catalog.sequence()
    report = run(indexes, encoder, docs)
    assert counts(report) == (0, 0, 0, 0, 1)
    assert (DirectReader.paths, encoder.documents) == ([], [])
    assert [(f.reason, Path(f.path).name) for f in report.failed] == [("empty", "empty.txt")]
    assert indexes.catalog.sequence() == sequence


def test_a_change_reads_that_file_and_encodes_what_is_new_in_it(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.md", "# One\n\n" + "apple " * 40 + "\n\n# Two\n\n" + "pear " * 40)
    write(docs / "b.txt", "Other.")
    run(indexes, encoder, docs)
    encoder.documents.clear()
    write(docs / "a.md", "# One\n\n" + "apple " * 40 + "\n\n# Two\n\n" + "plum " * 40, 2e9)
    report = run(indexes, encoder, docs)
    assert counts(report) == (0, 1, 0, 0, 1)
    assert DirectReader.paths == [str(docs / "a.md")]
    assert len(encoder.documents) == report.num_encoded == 1 and "plum" in encoder.documents[0]
    assert not any("pear" in row[4] for row in content(indexes))


def test_a_touched_file_is_hashed_and_not_read(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    os.utime(docs / "a.txt", (2e9, 2e9))
    assert counts(run(indexes, encoder, docs)) == (0, 0, 0, 0, 1)
    assert DirectReader.paths == []
    document = indexes.catalog.document_by_path(str(docs / "a.txt"))
    assert document is not None and document.mtime_ns == 2 * 10**18


def test_a_moved_file_keeps_its_chunks(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    before = indexes.catalog.live_chunk_ids().tolist()
    encoder.documents.clear()
    (docs / "sub").mkdir()
    (docs / "a.txt").rename(docs / "sub" / "a.txt")
    assert counts(run(indexes, encoder, docs)) == (0, 0, 1, 0, 0)
    assert indexes.catalog.live_chunk_ids().tolist() == before
    assert (DirectReader.paths, encoder.documents) == ([], [])
    assert [d.path for d in indexes.catalog.documents()] == [str(docs / "sub" / "a.txt")]


def test_a_renamed_file_counts_as_moved_and_gets_its_new_title(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    (docs / "a.txt").rename(docs / "fruit.txt")
    assert counts(run(indexes, encoder, docs)) == (0, 0, 1, 0, 0)
    assert [d.title for d in indexes.catalog.documents()] == ["fruit"]
    assert counts(run(indexes, encoder, docs)) == (0, 0, 0, 0, 1)


def test_a_deleted_file_is_gone_before_others_are_read(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    (docs / "a.txt").unlink()
    write(docs / "b.txt", "Pears.")
    seen = []

    def progress(_: Progress) -> None:
        seen.append([d.path for d in indexes.catalog.documents()])

    assert counts(run(indexes, encoder, docs, progress=progress)) == (1, 0, 0, 1, 0)
    assert seen[0] == []
    assert indexes.catalog.counts()["embeddings"] == 1


def test_a_copy_is_not_encoded_again(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    encoder.documents.clear()
    write(docs / "sub" / "a.txt", "Apples are red.")
    report = run(indexes, encoder, docs)
    assert (counts(report), report.copied) == ((1, 0, 0, 0, 1), 1)
    assert (DirectReader.paths, encoder.documents) == ([], [])
    assert indexes.verify() == []
    (docs / "a.txt").unlink()
    assert counts(run(indexes, encoder, docs)) == (0, 0, 0, 1, 1)
    assert [row[4] for row in content(indexes)] == ["Apples are red."]


@pytest.mark.parametrize(
    ("name", "text", "new_name", "is_read"),
    [
        ("a.txt", "Apples are red.", "b.txt", True),  # the name is the title
        ("a.md", "# Apples\n\nThey are red.", "b.md", False),
        ("a.md", "# Apples\n\nThey are red.", "b.txt", True),  # another reader
    ],
)
def test_a_copy_under_another_name_is_read_where_the_name_matters(
    indexes: Indexes,
    encoder: WordEncoder,
    docs: Path,
    name: str,
    text: str,
    new_name: str,
    is_read: bool,
) -> None:
    write(docs / name, text)
    run(indexes, encoder, docs)
    write(docs / new_name, text)
    report = run(indexes, encoder, docs)
    assert (report.new, report.copied) == (1, 0 if is_read else 1)
    assert DirectReader.paths == ([str(docs / new_name)] if is_read else [])
    (docs / name).rename(docs / "moved.md")
    assert run(indexes, encoder, docs).moved == 1
    assert bool(DirectReader.paths) is not name.endswith(".md")


def test_what_failed_is_tried_again_when_it_may_be_read_otherwise(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.json", "{")
    write(docs / "b.txt", "Good.")
    run(indexes, encoder, docs)
    run(indexes, encoder, docs)
    assert DirectReader.paths == []
    options = ReadOptions(passwords=("secret",))
    report = run(indexes, encoder, docs, reading=Reading(readers=1, options=options))
    assert DirectReader.paths == [str(docs / "a.json")] and len(report.failed) == 1
    assert "secret" not in str(indexes.catalog.get_meta(ingest.sync.READING_KEY))


def test_what_is_being_written_stays_as_it_is(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    for name in ("a.txt", "b.json", "c.txt"):
        write(docs / name, '{"x": 1}')
    run(indexes, encoder, docs)
    before = content(indexes)
    write(docs / "a.txt", "Half wri", 2e9)
    write(docs / "b.json", "{", 2e9)
    (docs / "c.txt").unlink()
    late = {str(docs / "b.json"), str(docs / "c.txt")}  # of which is told a little later

    def busy(paths: Iterable[str], for_sure: bool) -> set[str]:
        return set(paths) & (late if for_sure else {str(docs / "a.txt")})

    assert counts(run(indexes, encoder, docs, busy=busy)) == (0, 0, 0, 0, 0)
    assert content(indexes) == before and indexes.catalog.failures() == {}
    assert counts(run(indexes, encoder, docs)) == (0, 1, 0, 2, 0)


def test_many_readers_make_the_same_index(
    indexes: Indexes, encoder: WordEncoder, docs: Path, tmp_path: Path
) -> None:
    for number in range(30):
        write(docs / f"{number}.txt", f"Text {number}. " * (1 + 17 * number % 90))
    report = run(indexes, encoder, docs, reading=Reading(readers=3))
    assert report.new == 30 and sorted(encoder.documents) == sorted(set(encoder.documents))
    with Indexes(tmp_path / "fresh", dimension=64, read_only=False) as fresh:
        run(fresh, encoder, docs)
        assert content(indexes) == content(fresh)


def test_a_file_that_breaks_loses_its_text_and_is_tried_again_when_it_changes(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.json", '{"fruit": "apple"}')
    run(indexes, encoder, docs)
    write(docs / "a.json", '{"fruit": ', 2e9)
    report = run(indexes, encoder, docs)
    assert [f.reason for f in report.failed] == ["damaged"]
    assert content(indexes) == []
    run(indexes, encoder, docs)
    assert DirectReader.paths == []
    write(docs / "a.json", '{"fruit": "pear"}', 3e9)
    assert counts(run(indexes, encoder, docs)) == (1, 0, 0, 0, 0)
    assert indexes.catalog.failures() == {}


def test_one_broken_file_never_stops_the_others(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    for name in ("a.pdf", "b.docx", "c.xlsx", "d.json", "e.epub"):
        (docs / name).write_bytes(b"\x00garbage\xff" * 20)
    write(docs / "z.txt", "Good text.")
    report = run(indexes, encoder, docs)
    assert report.new == 1 and len(report.failed) == 5
    assert all(failure.path in failure.message for failure in report.failed)


def test_a_root_that_went_away_and_came_back(
    indexes: Indexes, encoder: WordEncoder, docs: Path, tmp_path: Path
) -> None:
    write(docs / "a.txt", "Apples are red.")
    run(indexes, encoder, docs)
    docs.rename(tmp_path / "away")
    report = run(indexes, encoder, docs)
    assert counts(report) == (0, 0, 0, 1, 0)
    assert [(f.path, f.reason) for f in report.failed] == [(str(docs), "missing")]
    encoder.documents.clear()
    (tmp_path / "away").rename(docs)
    assert counts(run(indexes, encoder, docs)) == (1, 0, 0, 0, 0)
    assert encoder.documents == []  # the vectors were kept


def test_a_new_root_must_be_there(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    with pytest.raises(SettingError, match="nowhere is not there"):
        run(indexes, encoder, docs / "nowhere")
    assert remembered_roots(indexes.catalog) == []


def test_documents_of_other_roots_stay(
    indexes: Indexes, encoder: WordEncoder, docs: Path, tmp_path: Path
) -> None:
    write(docs / "a.txt", "Apples.")
    write(tmp_path / "docs2" / "b.txt", "Pears.")
    run(indexes, encoder, docs)
    assert counts(run(indexes, encoder, tmp_path / "docs2")) == (1, 0, 0, 0, 0)
    assert len(indexes.catalog.documents()) == 2
    assert remembered_roots(indexes.catalog) == [str(docs), str(tmp_path / "docs2")]


def test_another_encoder_is_refused(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    write(docs / "a.txt", "Apples.")
    run(indexes, encoder, docs)
    with pytest.raises(IndexStateError, match="another encoder"):
        run(indexes, WordEncoder(dimension=64, name="other"), docs)


def test_another_chunk_size_reads_everything_anew(
    indexes: Indexes, encoder: WordEncoder, docs: Path, tmp_path: Path
) -> None:
    write(docs / "a.txt", "apple. " * 60)
    run(indexes, encoder, docs)
    said: list[str] = []
    report = run(indexes, encoder, docs, max_chunk_tokens=20, explain=said.append)
    assert counts(report) == (0, 0, 0, 0, 1) and len(said) == 1 and "/20" in said[0]
    with Indexes(tmp_path / "fresh", dimension=64, read_only=False) as fresh:
        run(fresh, encoder, docs, max_chunk_tokens=20)
        assert content(indexes) == content(fresh)


@pytest.mark.usefixtures("one_by_one")
def test_stopping_keeps_what_is_done(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    for number in range(5):
        write(docs / f"{number}.txt", f"Text number {number}.")
    report = run(indexes, encoder, docs, should_stop=lambda: len(encoder.documents) == 2)
    assert report.was_stopped and report.new == 2
    assert counts(run(indexes, encoder, docs)) == (3, 0, 0, 0, 2)


@pytest.mark.usefixtures("one_by_one")
def test_a_crash_while_encoding_loses_nothing_that_was_committed(
    indexes: Indexes, encoder: WordEncoder, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write(docs / f"{number}.txt", f"Text number {number}.")
    encode = encoder.encode_documents
    with monkeypatch.context() as patch:

        def fail_at_third(texts: Any) -> Any:
            if len(encoder.documents) == 2:
                raise KeyboardInterrupt
            return encode(texts)

        patch.setattr(encoder, "encode_documents", fail_at_third)
        with pytest.raises(KeyboardInterrupt):
            run(indexes, encoder, docs)
    assert len(indexes.catalog.documents()) == 2
    assert counts(run(indexes, encoder, docs)) == (2, 0, 0, 0, 2)
    assert indexes.verify() == []


def test_a_file_deleted_between_look_and_read_is_no_failure(
    indexes: Indexes, encoder: WordEncoder, docs: Path
) -> None:
    write(docs / "a.txt", "Apples.")
    report = run(
        indexes, encoder, docs, progress=lambda _: (docs / "a.txt").unlink(missing_ok=True)
    )
    assert (counts(report), report.failed) == ((0, 0, 0, 0, 0), [])


def test_progress_counts_files(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    write(docs / "a.txt", "Apples.")
    write(docs / "b.txt", "Pears.")
    seen: list[Progress] = []
    report = run(indexes, encoder, docs, progress=seen.append)
    assert seen[0] == Progress(0, 2, str(docs / "a.txt"))
    done = [(p.done, p.total, Path(p.path).name) for p in seen]
    assert list(dict.fromkeys(done)) == [(0, 2, "a.txt"), (1, 2, "a.txt"), (2, 2, "b.txt")]
    encoded = [p.num_encoded for p in seen]
    assert encoded == sorted(encoded) and encoded[-1] == report.num_encoded == 2


def test_progress_counts_passages_before_any_file_is_done(
    indexes: Indexes, encoder: WordEncoder, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told is what the encoder has done, no more: it is asked for two texts at a time."""
    monkeypatch.setattr(ingest.sync, "FIRST_SLICE_CHUNKS", 2)
    monkeypatch.setattr(ingest.sync, "SLICE_SECONDS", (0.0, 1e9))
    write(docs / "a.md", "".join(f"# Part {n}\n\n{f'apple{n} ' * 200}\n\n" for n in range(5)))
    seen: list[tuple[int, int, int]] = []
    report = run(
        indexes, encoder, docs,
        progress=lambda p: seen.append((p.done, p.num_encoded, len(encoder.documents))),
    )  # fmt: skip
    assert all(told == encoded for _, told, encoded in seen)
    assert [done for done, _, _ in seen] == [0] * (len(seen) - 1) + [1]
    assert seen[1][1] == 2 and len(seen) > 3 and seen[-1][1] == report.num_encoded


def test_the_real_documents_with_the_reading_process(
    indexes: Indexes, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    report = run(indexes, encoder, DATA)
    assert report.failed == [] and report.new >= 12
    assert indexes.verify() == []


FILES = st.sampled_from(["a.txt", "b.txt", "sub/a.txt", "sub/c.md", "sub/deep/d.json"])
TEXTS = st.sampled_from(["Apples are red.", "Pears.", "# Plum\n\nA plum.", '{"x": 1}', "", "{"])


class Folder(RuleBasedStateMachine):
    """Whatever happens to a folder, the index equals one made afresh."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(os.environ["PYTEST_TMP_SYNC"]) / os.urandom(4).hex()
        self.docs = self.base / "docs"
        self.docs.mkdir(parents=True)
        self.encoder = WordEncoder(dimension=64)
        self.indexes = Indexes(self.base / "index", dimension=64, read_only=False)
        self.clock = 1e9
        self.is_synced = True

    def files(self) -> list[Path]:
        return sorted(path for path in self.docs.rglob("*") if path.is_file())

    @rule(name=FILES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        self.clock += 1
        write(self.docs / name, text, self.clock)
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=FILES)
    def move(self, data: st.DataObject, name: str) -> None:
        source = data.draw(st.sampled_from(self.files()))
        target = self.docs / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.files())).unlink()
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=FILES)
    def copy(self, data: st.DataObject, name: str) -> None:
        source = data.draw(st.sampled_from(self.files()))
        self.write(name, source.read_text("utf-8"))

    @rule(patterns=st.sampled_from(["", "*.md", "sub/", "a.txt"]))
    def ignore(self, patterns: str) -> None:
        (self.docs / ".footnoteignore").write_text(patterns)
        self.is_synced = False

    @rule()
    def sync(self) -> None:
        run(self.indexes, self.encoder, self.docs)
        self.is_synced = True

    @invariant()
    def equals_a_fresh_index(self) -> None:
        if not self.is_synced:
            return
        folder = self.base / "fresh"
        with Indexes(folder, dimension=64, read_only=False) as fresh:
            run(fresh, self.encoder, self.docs)
            assert content(self.indexes) == content(fresh)
            assert set(self.indexes.catalog.failures()) == set(fresh.catalog.failures())
        shutil.rmtree(folder)

    def teardown(self) -> None:
        self.indexes.close()
        shutil.rmtree(self.base)


def test_an_index_kept_up_to_date_equals_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    monkeypatch.setenv("PYTEST_TMP_SYNC", str(tmp_path))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Folder,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
