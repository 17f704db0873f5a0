from __future__ import annotations

from pathlib import Path

from rag.mirror import Mirror


def test_follows_its_source_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("1")
    (tmp_path / ".writer.lock").touch()
    mirror = Mirror(tmp_path)
    assert [path.name for path in mirror.folder.iterdir()] == ["meta.json"]
    (mirror.folder / ".writer.lock").touch()  # the library's own, which stays
    (tmp_path / "segment").write_text("2")
    (tmp_path / "meta.json").unlink()
    mirror.refresh()
    assert {path.name for path in mirror.folder.iterdir()} == {"segment", ".writer.lock"}
    assert (mirror.folder / "segment").read_text() == "2"
    mirror.close()
    assert not mirror.folder.exists() and (tmp_path / "segment").exists()
