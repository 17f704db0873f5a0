from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.scan import UNTRUSTED_MTIME, IgnoreRules, Scan, scan


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
        os.utime(path, (1e9, 1e9))


def names(found: Scan, root: Path) -> list[str]:
    return sorted(Path(path).relative_to(root).as_posix() for path in found.files)


def look(*roots: Path, max_file_bytes: int = 1000) -> Scan:
    return scan(roots, max_file_bytes=max_file_bytes)


def test_finds_supported_files_in_all_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b/c/d.md", "b/e.PDF", "f.bin", "中文/文件.docx")
    found = look(tmp_path)
    assert names(found, tmp_path) == ["a.txt", "b/c/d.md", "b/e.PDF", "中文/文件.docx"]
    assert found.unsupported == [str(tmp_path / "f.bin")]
    file = found.files[str(tmp_path / "a.txt")]
    status = (tmp_path / "a.txt").stat()
    assert (file.size, file.mtime_ns, file.inode) == (4, status.st_mtime_ns, status.st_ino)


def test_leaves_out_hidden_files_lock_files_and_indexes(tmp_path: Path) -> None:
    make(
        tmp_path,
        ".a.txt",
        ".git/b.txt",
        "~$c.docx",
        "index/catalog.sqlite3",
        "index/d.txt",
        "e.txt",
    )
    assert names(look(tmp_path), tmp_path) == ["e.txt"]


def test_ignore_files_have_the_syntax_of_gitignore(tmp_path: Path) -> None:
    make(
        tmp_path,
        "a.txt",
        "b.txt",
        "sub/a.txt",
        "sub/b.txt",
        "old/c.txt",
        "deep/x/y.txt",
        "deep/z.txt",
    )
    (tmp_path / ".footnoteignore").write_text(
        "# comment\n/b.txt\nold/\ndeep/**\n!deep/z.txt\na.txt\n"
    )
    (tmp_path / "sub" / ".footnoteignore").write_text("!a.txt\n")
    assert names(look(tmp_path), tmp_path) == ["deep/z.txt", "sub/a.txt", "sub/b.txt"]


def test_the_rules_agree_with_gits_on_folders(tmp_path: Path) -> None:
    (tmp_path / ".footnoteignore").write_text("build/\n")
    rules = IgnoreRules().below(tmp_path)
    assert rules.ignores(tmp_path / "build", is_folder=True)
    assert not rules.ignores(tmp_path / "build", is_folder=False)


def test_a_broken_ignore_file_is_reported_and_its_folder_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "sub/b.txt")
    (tmp_path / "sub" / ".footnoteignore").write_bytes(b"\xff\xfe\x00bad")
    found = look(tmp_path)
    assert names(found, tmp_path) == ["a.txt"]
    assert [(f.path, f.reason) for f in found.failed] == [(str(tmp_path / "sub"), "ignore_file")]
    assert ".footnoteignore" in found.failed[0].message


def test_a_large_file_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.txt")
    (tmp_path / "b.txt").write_bytes(b"x" * 1001)
    found = look(tmp_path)
    assert names(found, tmp_path) == ["a.txt"]
    assert [f.reason for f in found.failed] == ["too_large"]
    assert "max_file_mb" in found.failed[0].message


def test_links_to_files_count_and_links_to_folders_and_pipes_do_not(tmp_path: Path) -> None:
    make(tmp_path, "real/a.txt")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    found = look(tmp_path)
    assert names(found, tmp_path) == ["link.txt", "real/a.txt"]
    assert [(Path(f.path).name, f.reason) for f in found.failed] == [("broken.txt", "unreadable")]


def test_links_out_of_the_folder_are_followed_only_when_that_is_set(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(tmp_path, "root/a.txt", "root/sub/b.txt", "outside/c.txt", "outside/d.bin")
    (root / "inside.txt").symlink_to(root / "sub" / "b.txt")
    (root / "out.txt").symlink_to(tmp_path / "outside" / "c.txt")
    (root / "out.bin").symlink_to(tmp_path / "outside" / "d.bin")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "sub" / "loop").symlink_to(root)
    found = look(root)
    assert names(found, root) == ["a.txt", "inside.txt", "sub/b.txt"]
    assert [(Path(f.path).name, f.reason) for f in found.failed] == [("out.txt", "link")]
    assert "follow_links" in found.failed[0].message
    followed = scan([root], max_file_bytes=1000, follow_links=True)
    assert names(followed, root) == [
        "a.txt", "folder/c.txt", "inside.txt", "out.txt", "sub/b.txt",
    ]  # fmt: skip
    assert followed.failed == []


def test_a_file_just_written_is_looked_at_again(tmp_path: Path) -> None:
    make(tmp_path, "old.txt")
    (tmp_path / "new.txt").write_text("text")
    found = look(tmp_path)
    assert found.files[str(tmp_path / "new.txt")].mtime_ns == UNTRUSTED_MTIME
    assert found.files[str(tmp_path / "old.txt")].mtime_ns == 10**18


def test_roots_may_be_files_overlap_or_be_missing(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "sub/b.txt")
    found = look(tmp_path, tmp_path / "sub", tmp_path / "a.txt", tmp_path / "gone")
    assert names(found, tmp_path) == ["a.txt", "sub/b.txt"]
    assert [(f.path, f.reason) for f in found.failed] == [(str(tmp_path / "gone"), "missing")]


def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff.txt"
    try:
        with open(raw, "w") as stream:
            stream.write("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    assert [f.reason for f in look(tmp_path).failed] == ["unreadable"]


def test_what_is_left_out_is_not_there(tmp_path: Path) -> None:
    for name in ("a/one.txt", "a/two.txt", "b/three.txt", "b/scan.xyz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    left_out = [str(tmp_path / "a" / "one.txt"), str(tmp_path / "b")]
    found = scan([tmp_path], max_file_bytes=1000, left_out=left_out)
    assert list(found.files) == [str(tmp_path / "a" / "two.txt")] and found.unsupported == []
    single = scan([tmp_path / "a" / "one.txt"], max_file_bytes=1000, left_out=left_out)
    assert (single.files, single.failed) == ({}, [])
