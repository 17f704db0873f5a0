"""The library over a real index, with a fake encoder."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_service import eventually

from rag.catalog import Catalog
from rag.config import Settings
from rag.errors import LibraryError, SearchError
from rag.library import MAX_LIMIT, SORTS, Asker, Library, SyncState, kind_of, shown_folder
from rag.service import Service
from rag.uploads import UploadLimits, Uploads, readable_suffixes
from rag.where import Where

pytestmark = pytest.mark.usefixtures("fake_models")
CHAT = str(uuid.uuid4())


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "contracts").mkdir(parents=True)
    (folder / "pump.txt").write_text("The pump is blue.")
    (folder / "contracts" / "offer.md").write_text("# Offer\n\nTen pumps for 5 euros each.")
    (folder / "empty.txt").write_text("")
    (folder / "film.mov").write_text("no document")
    return folder


@pytest.fixture
def service(docs: Path, tmp_path: Path) -> Iterator[Service]:
    settings = Settings(index=tmp_path / "index", debounce_ms=100, generator="none")
    service = Service(settings, lambda line: None, roots=[docs], is_watching=False)
    service.start()
    service.wait(60)
    yield service
    service.close()


def names(library: Library, asker: Asker | None = None, **options: object) -> list[str]:
    found = library.documents(asker or Asker(), **options)  # type: ignore[arg-type]
    return [entry.name for entry in found.entries]


def test_documents_are_listed_with_their_facts(service: Service, docs: Path) -> None:
    (offer, pump) = service.library.documents().entries
    assert (offer.name, offer.folder, offer.kind, offer.added) == (
        "offer.md", "docs/contracts", "text", "",
    )  # fmt: skip
    assert (pump.title, pump.size, pump.num_passages, pump.num_pages) == ("pump", 17, 1, None)
    assert abs(pump.changed_at.timestamp() - (docs / "pump.txt").stat().st_mtime) < 1
    assert offer.as_json()["url"] == f"/view/{offer.document_id}"
    kinds, folders = service.library.kinds_and_folders()
    assert dict(kinds) == {"text": 2} and folders[str(docs / "contracts")] == 1


def test_lists_are_searched_narrowed_and_sorted(service: Service, docs: Path) -> None:
    library = service.library
    os.utime(docs / "pump.txt", (1, 1))
    service.sync_now()
    eventually(lambda: names(library, sort="changed") == ["pump.txt", "offer.md"])
    assert names(library, query="PUMP") == ["pump.txt"]
    assert names(library, query="docs offer") == ["offer.md"]
    assert names(library, query="docs lemon") == []
    assert names(library, where=Where(folders=("contracts",))) == ["offer.md"]
    assert names(library, where=Where(types=("pdf",))) == []
    assert names(library, sort="size", descending=True) == ["offer.md", "pump.txt"]
    assert all(len(names(library, sort=sort)) == 2 for sort in SORTS)
    with pytest.raises(SearchError, match="name, folder"):
        library.documents(sort="colour")


def test_files_that_could_not_be_read_are_named_with_reason_and_cure(service: Service) -> None:
    (failed,) = service.library.failures()
    assert failed.path.endswith("empty.txt") and failed.reason == "empty"
    assert "copy it again" in failed.message
    state = service.library.sync_state()
    assert [Path(path).name for path in state.unsupported] == ["film.mov"]
    assert state.ended_at is not None and state.indexing is None


def test_a_document_is_left_out_and_taken_back_and_its_file_stays(
    service: Service, docs: Path
) -> None:
    library = service.library
    (pump,) = library.documents(query="pump.txt").entries
    assert library.remove(pump.document_id) == "left out"
    eventually(lambda: names(library) == ["offer.md"])
    assert service.footnote.search("blue", 5) == [] or all(
        "blue" not in hit.chunk.text for hit in service.footnote.search("blue", 5)
    )
    assert (docs / "pump.txt").read_text() == "The pump is blue."
    assert library.left_out() == [str(docs / "pump.txt")]
    (docs / "pump.txt").write_text("The pump is red.")
    service.sync_now()
    eventually(lambda: library.sync_state().indexing is None)
    assert names(library) == ["offer.md"]  # a change does not bring it back
    library.take_back(str(docs / "pump.txt"))
    eventually(lambda: names(library) == ["offer.md", "pump.txt"])
    assert library.left_out() == []
    with pytest.raises(LibraryError, match="not left out"):
        library.take_back(str(docs / "pump.txt"))
    with pytest.raises(KeyError):
        library.remove(10**6)


def test_a_file_that_cannot_be_read_need_not_be_shown_for_ever(
    service: Service, docs: Path
) -> None:
    service.library.leave_out(str(docs / "empty.txt"))
    assert service.library.failures() == []
    with pytest.raises(LibraryError):
        service.library.leave_out("/etc/passwd")


def test_who_may_not_manage_changes_only_what_is_their_own(service: Service, docs: Path) -> None:
    library, guest = service.library, Asker("guest", may_manage=False)
    (pump,) = library.documents(guest, query="pump.txt").entries
    for attempt in (
        lambda: library.remove(pump.document_id, guest),
        lambda: library.leave_out(str(docs / "empty.txt"), guest),
        lambda: library.take_back(str(docs / "pump.txt"), guest),
        lambda: library.sync_now(guest),
    ):
        with pytest.raises(LibraryError) as caught:
            attempt()
        assert caught.value.reason == "forbidden"
    assert library.left_out() == []


def test_nobody_learns_of_what_they_may_not_read(service: Service, docs: Path) -> None:
    library = service.library
    reader = Asker("reader", Where(folders=(str(docs / "contracts"),)))
    assert names(library, reader) == ["offer.md"]
    (pump,) = library.documents(query="pump.txt").entries
    with pytest.raises(KeyError):
        library.remove(pump.document_id, reader)
    assert library.failures(reader) == []
    assert not library.has(Where(documents=("pump.txt",)), reader)
    library.remove(pump.document_id)
    assert library.left_out(reader) == []
    kinds, folders = library.kinds_and_folders(reader)
    assert (kinds.total(), list(folders)) == (1, [str(docs / "contracts")])


def test_what_a_new_conversation_does_not_find_is_elsewhere(service: Service) -> None:
    library, her = service.library, "her"
    kept = str(library.uploads.collection(her) / "a.txt")
    here = str(library.uploads.collection(her, str(uuid.uuid4())) / "a.txt")
    assert not library.is_elsewhere(kept, her) and library.is_elsewhere(kept, "local")
    assert library.is_elsewhere(here, her) and not library.is_private(here, her)
    assert not library.is_elsewhere("/docs/a.txt", her)


def test_what_was_added_is_deleted_by_who_added_it_alone(service: Service) -> None:
    library, other = service.library, Asker("other")
    with library.uploads.begin("mine.txt", 9, "local") as incoming:
        incoming.write(b"My lemons")
        path = incoming.finish()
    library.sync_added()
    eventually(lambda: "mine.txt" in names(library))
    (mine,) = library.documents(query="mine.txt").entries
    assert (mine.added, mine.folder) == ("kept", "")
    assert "mine.txt" not in names(library, other)
    with pytest.raises(KeyError):
        library.remove(mine.document_id, other)
    assert library.remove(mine.document_id) == "deleted"
    assert not path.exists() and library.left_out() == []
    eventually(lambda: "mine.txt" not in names(library))


def test_ten_thousand_documents_are_listed_a_page_at_a_time(tmp_path: Path) -> None:
    class NoSyncing:
        def sync_state(self) -> SyncState:
            return SyncState(roots=("/docs",))

        def sync_now(self) -> None: ...

    uploads = Uploads(tmp_path / "uploads", UploadLimits(1, 1, readable_suffixes(), 1.0))
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:
        with catalog._writing():
            for number in range(10_000):
                path = f"/docs/{number % 97:02d}/file {number:05d}.txt"
                vectors: dict[str, np.ndarray] = {}
                catalog.put_document(path, path, "0", number, number, "x", [], [], vectors)
        library = Library(catalog, tmp_path, uploads, NoSyncing())
        started = time.perf_counter()
        found = library.documents(offset=9_990, limit=50, sort="size")
        assert time.perf_counter() - started < 5
        assert (found.total, len(found.entries)) == (10_000, 10)
        assert [entry.size for entry in found.entries] == list(range(9_990, 10_000))
        assert found.entries[0].folder == f"docs/{9_990 % 97:02d}"
        pages = [
            library.documents(offset=at, limit=MAX_LIMIT) for at in range(0, 10_000, MAX_LIMIT)
        ]
        ids = [entry.document_id for page in pages for entry in page.entries]
        assert len(set(ids)) == len(ids) == 10_000
        assert len(library.documents(limit=10**9).entries) == MAX_LIMIT
        assert library.documents(query="00 file 00097", limit=5).total == 1
        assert library.documents(offset=-5, limit=-1).entries == ()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/a/b.PDF", "pdf"), ("/a/b.csv", "sheet"), ("/a/b.tar.gz", "archive"), ("/a/b.zzz", "zzz")],
)
def test_types_are_named_as_people_name_them(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_folders_are_shown_from_their_root_on() -> None:
    roots = ("/home/me/docs", "/home/me/docs/work")
    assert shown_folder("/home/me/docs/a/b.txt", roots) == "docs/a"
    assert shown_folder("/home/me/docs/work/b.txt", roots) == "work"
    assert shown_folder("/srv/b.txt", roots) == "/srv"


def test_everybody_may_manage_where_nobody_signs_in() -> None:
    assert Asker().may_manage and not Asker().where
    assert replace(Asker(), may_manage=False).name == "local"
