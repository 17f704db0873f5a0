from __future__ import annotations

from pathlib import Path

import pytest
from fakes import WordEncoder

from ingest.reading import Reading
from ingest.sync import sync
from rag import generations
from rag.catalog import Catalog
from rag.config import Settings
from rag.documents import open_writer, run_sync
from rag.errors import IndexStateError
from rag.indexes import CATALOG_FILE, Indexes

OLD = WordEncoder(dimension=32, name="old")
NEW = WordEncoder(dimension=64, name="new")

pytestmark = pytest.mark.usefixtures("fake_models")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of two documents, with the old encoder's vectors."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text("The pump is blue.")
    (docs / "cat.txt").write_text("Cats sleep.")
    with Indexes(tmp_path / "index", dimension=32, read_only=False) as indexes:
        run(indexes, OLD, docs)
    return tmp_path / "index"


def run(indexes: Indexes, encoder: WordEncoder, docs: Path) -> None:
    reading = Reading(readers=1)
    sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=50, reading=reading)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_first_generation_is_the_folder_itself(index: Path) -> None:
    assert generations.current(index) == index and generations.is_index(index)
    assert generations.fits(index, OLD.fingerprint) and not generations.fits(index, "other")
    assert generations.fits(index / "nowhere", "any") and not generations.is_index(index / "no")
    assert generations.dimension_of(index) == 32


def test_a_new_one_serves_when_it_is_activated_and_the_old_one_goes(index: Path) -> None:
    with Indexes(index, dimension=32, read_only=False) as old:
        with generations.begin(index, NEW.fingerprint, 64) as new:
            run(new, NEW, index.parent / "docs")
            assert generations.current(index) == index
            assert new.catalog.counts() == old.catalog.counts()
            generations.activate(index, new.folder)
        generations.remove_unused(index)
        assert (index / CATALOG_FILE).exists()  # its writer has it still
    folder = generations.current(index)
    assert folder == index / "generations" / "1" and generations.fits(index, NEW.fingerprint)
    with generations.hold(index):
        generations.remove_unused(index)
        assert (index / CATALOG_FILE).exists()
    generations.remove_unused(index)
    assert files(index) == {"current", "generations", "lock", "readers"}
    assert generations.is_index(index)
    with Indexes(folder, dimension=64, read_only=True) as new:
        assert new.verify() == []


def test_numbers_and_folders_go_on(index: Path) -> None:
    with Catalog(index / CATALOG_FILE, read_only=True) as catalog:
        ids = {document.document_id for document in catalog.documents()}
        chunk_ids = set(catalog.live_chunk_ids().tolist())
    with generations.begin(index, NEW.fingerprint, 64) as new:
        assert new.catalog.get_meta("roots") is not None
        run(new, NEW, index.parent / "docs")
        assert min(d.document_id for d in new.catalog.documents()) > max(ids)
        assert min(new.catalog.live_chunk_ids().tolist()) > max(chunk_ids)


def test_an_unfinished_one_is_gone_on_with_by_its_encoder_alone(index: Path) -> None:
    with generations.begin(index, NEW.fingerprint, 64) as new:
        run(new, NEW, index.parent / "docs")
        folder = new.folder
    generations.remove_unused(index)
    with generations.begin(index, NEW.fingerprint, 64) as again:
        assert again.folder == folder and again.catalog.counts()["documents"] == 2
    with generations.begin(index, "third", 16) as third:
        assert third.catalog.counts()["documents"] == 0
        assert files(index / "generations") == {third.folder.name}


def test_a_damaged_pointer_is_named(index: Path) -> None:
    (index / generations.POINTER_FILE).write_text("../elsewhere")
    with pytest.raises(IndexStateError, match="current does not name a generation"):
        generations.current(index)


def test_a_writer_with_another_encoder_makes_a_generation(index: Path) -> None:
    settings = Settings(index=index)
    roots = [index.parent / "docs"]
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), open_writer(settings, NEW, said.append) as indexes:
        run_sync(indexes, NEW, roots, settings)
        raise KeyboardInterrupt
    assert generations.current(index) == index
    NEW.documents.clear()
    with open_writer(settings, NEW, said.append) as indexes:
        run_sync(indexes, NEW, roots, settings)
    assert NEW.documents == []  # it went on with what was done
    assert generations.current(index) != index and not (index / CATALOG_FILE).exists()
    assert len(said) == 2 and "encoder has changed" in said[0]
    with open_writer(settings, NEW, said.append) as indexes:
        assert indexes.verify() == [] and indexes.folder == generations.current(index)
    assert len(said) == 2
