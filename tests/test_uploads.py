"""Files that people add: their names, limits, who sees them, and how long they stay."""

from __future__ import annotations

import os
import unicodedata
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.formats import FORMATS, LEGACY
from ingest.scan import scan
from rag.errors import LibraryError, SettingError
from rag.uploads import (
    DROPPED_SIGNS,
    MAX_NAME_BYTES,
    PART_PREFIX,
    STALE_PART_SECONDS,
    TOUCHED_SHARE,
    UploadLimits,
    Uploads,
    readable_suffixes,
    safe_name,
)
from rag.where_match import Matcher

CHAT, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
DAY = 86_400.0


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads", UploadLimits(1000, 20_000, readable_suffixes(), DAY))


def add(
    uploads: Uploads,
    name: str,
    data: bytes = b"text",
    owner: str = "local",
    chat: str | None = CHAT,
) -> Path:
    with uploads.begin(name, len(data), owner, chat) as incoming:
        incoming.write(data)
        return incoming.finish()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# Names


@given(st.text(max_size=300))
def test_no_name_leads_anywhere(name: str) -> None:
    safe = safe_name(name)
    assert safe == os.path.basename(safe) and safe not in ("", ".", "..")
    assert not safe.startswith((".", "~$"))
    assert not {unicodedata.category(sign) for sign in safe} & DROPPED_SIGNS
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\report.docx", "report.docx"),
        ("合同（终稿）.pdf", "合同（终稿）.pdf"),
        (".footnoteignore", "footnoteignore"),
        ("~$lock.docx", "lock.docx"),
        ("a\x00b\u202egnp.txt", "abgnp.txt"),
        ("", "file"),
        ("a" * 400 + ".pdf", "a" * (MAX_NAME_BYTES - 4) + ".pdf"),
    ],
)
def test_names_are_made_safe(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


def test_a_file_lands_in_its_folder_whatever_it_is_called(uploads: Uploads, tmp_path: Path) -> None:
    path = add(uploads, "../../../evil.txt")
    assert path.parent == uploads.collection("local", CHAT)
    assert names(tmp_path) == ["evil.txt"]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("chat", ["../kept", "kept", "", f"{CHAT}/..", f"{CHAT}\n"])
def test_a_conversation_is_named_by_a_uuid(uploads: Uploads, chat: str) -> None:
    with pytest.raises(LibraryError) as caught:
        uploads.begin("a.txt", 1, "local", chat)
    assert caught.value.reason == "name"


@given(st.text(max_size=50), st.text(max_size=50))
def test_owners_have_folders_of_their_own(one: str, other: str) -> None:
    uploads = Uploads(Path("/index/uploads"), UploadLimits(1, 1, frozenset(), 1.0))
    folders = [uploads.collection(owner) for owner in (one, other)]
    assert (folders[0] == folders[1]) is (one == other)
    assert all(folder.parent.parent == uploads.folder for folder in folders)


def test_the_same_name_is_numbered_and_the_same_file_is_not_kept_twice(uploads: Uploads) -> None:
    paths = [add(uploads, "a.txt", data) for data in (b"one", b"two", b"one", b"two!")]
    assert [path.name for path in paths] == ["a.txt", "a (2).txt", "a.txt", "a (3).txt"]
    assert paths[1].read_bytes() == b"two"


# Limits


def test_what_can_be_read_may_be_added() -> None:
    """The two lists are kept apart, since rag does not know ingest."""
    assert readable_suffixes() == {suffix for suffix, kind in FORMATS.items() if kind not in LEGACY}
    assert readable_suffixes(["pdf", ".md"]) == {".pdf", ".md"}
    assert readable_suffixes([".doc"]) != {".doc"}
    with pytest.raises(SettingError, match="upload_types"):
        readable_suffixes(["spell"])


@pytest.mark.parametrize(
    ("name", "num_bytes", "reason"),
    [("a.exe", 1, "type"), ("a", 1, "type"), ("a.doc", 1, "type"), ("a.txt", 1001, "too_large")],
)
def test_what_is_not_to_be_is_refused_before_it_comes(
    uploads: Uploads, name: str, num_bytes: int, reason: str
) -> None:
    with pytest.raises(LibraryError) as caught:
        uploads.begin(name, num_bytes)
    assert caught.value.reason == reason
    assert not uploads.folder.exists()


def test_nothing_is_taken_where_it_is_switched_off(tmp_path: Path) -> None:
    off = Uploads(tmp_path, UploadLimits(1000, 1000, frozenset(), DAY))
    with pytest.raises(LibraryError, match="setting") as caught:
        off.begin("a.txt", 1)
    assert caught.value.reason == "off"


def test_a_file_that_grows_past_the_limit_leaves_nothing(uploads: Uploads) -> None:
    with (
        pytest.raises(LibraryError, match="larger"),
        uploads.begin("a.txt", 10, "local", CHAT) as incoming,
    ):
        incoming.write(b"x" * 1001)
    assert names(uploads.folder) == []


def test_an_empty_or_broken_off_file_leaves_nothing(uploads: Uploads) -> None:
    with pytest.raises(LibraryError, match="empty"), uploads.begin("a.txt", 0) as incoming:
        incoming.finish()
    with pytest.raises(RuntimeError), uploads.begin("b.txt", 9) as incoming:
        incoming.write(b"half")
        raise RuntimeError
    assert names(uploads.folder) == []


def test_each_person_has_so_much_room(uploads: Uploads) -> None:
    for number in range(4):  # the smallest counts as 4096 bytes
        add(uploads, f"{number}.txt")
    with pytest.raises(LibraryError) as caught:
        add(uploads, "more.txt")
    assert caught.value.reason == "full"
    add(uploads, "more.txt", owner="somebody else")


def test_a_disk_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file in its place")
    broken = Uploads(tmp_path / "uploads", UploadLimits(1000, 9000, readable_suffixes(), DAY))
    with pytest.raises(LibraryError) as caught:
        broken.begin("a.txt", 1)
    assert caught.value.reason == "disk"


def test_a_file_on_its_way_is_not_scanned(uploads: Uploads) -> None:
    with uploads.begin("a.txt", 4, "local", CHAT) as incoming:
        incoming.write(b"half")
        assert any(name.startswith(PART_PREFIX) for name in names(uploads.folder))
        assert scan([uploads.folder], max_file_bytes=1000).files == {}
        path = incoming.finish()
    assert list(scan([uploads.folder], max_file_bytes=1000).files) == [str(path)]


# Who sees what


def test_a_conversation_sees_its_own_files_and_what_is_kept(uploads: Uploads) -> None:
    paths = {
        "kept": add(uploads, "k.txt", chat=None),
        "here": add(uploads, "h.txt"),
        "elsewhere": add(uploads, "e.txt", chat=OTHER),
        "hers": add(uploads, "x.txt", owner="her", chat=None),
        "hers here": add(uploads, "y.txt", owner="her"),
        "folder": Path("/docs/a.txt"),
    }

    def seen(where: object) -> set[str]:
        filters = [Matcher(one) for one in where.any_of]  # type: ignore[attr-defined]
        return {n for n, path in paths.items() if any(f.accepts(1, str(path)) for f in filters)}

    assert seen(uploads.visible("local", CHAT)) == {"kept", "here", "folder"}
    assert seen(uploads.visible("local")) == {"kept", "folder"}
    assert seen(uploads.visible("her", CHAT)) == {"hers", "hers here", "folder"}
    assert seen(uploads.visible_anywhere("local")) == {"kept", "here", "elsewhere", "folder"}
    assert seen(uploads.visible("local", "no uuid")) == {"kept", "folder"}


def test_nothing_is_filtered_where_nothing_is_to_be_hidden(uploads: Uploads) -> None:
    assert not uploads.visible("local", CHAT)
    add(uploads, "a.txt")
    add(uploads, "b.txt", chat=None)
    assert not uploads.visible("local", CHAT) and uploads.visible("local", OTHER)
    assert not uploads.visible_anywhere("local") and uploads.visible_anywhere("her")


def test_what_was_added_is_told_from_what_was_not(uploads: Uploads) -> None:
    kept, here = add(uploads, "k.txt", chat=None), add(uploads, "h.txt")
    assert [uploads.is_kept(str(path)) for path in (kept, here)] == [True, False]
    assert uploads.holds(str(here), "local") and not uploads.holds(str(here), "her")
    assert not uploads.holds(f"{here.parent}/../../../catalog.sqlite3")
    assert uploads.files("local", CHAT) == [here]


# Ending


def test_only_what_was_added_is_deleted(uploads: Uploads, tmp_path: Path) -> None:
    path, mine = add(uploads, "a.txt"), tmp_path / "mine.txt"
    mine.write_text("a user's file")
    link = path.parent / "link"
    link.symlink_to(tmp_path)
    for wrong in (mine, link / "mine.txt", path.parent / ".." / ".." / ".." / "mine.txt"):
        with pytest.raises(LibraryError):
            uploads.delete(str(wrong))
    uploads.delete(str(path))
    uploads.delete(str(path))
    assert mine.exists() and not path.exists()


def test_a_conversation_that_ends_takes_its_files_along(uploads: Uploads) -> None:
    here, kept, other = (add(uploads, "a.txt", chat=chat) for chat in (CHAT, None, OTHER))
    assert uploads.forget("local", CHAT) and not uploads.forget("local", CHAT)
    assert [path.exists() for path in (here, kept, other)] == [False, True, True]


def test_what_is_long_at_rest_expires_and_use_puts_that_off(uploads: Uploads) -> None:
    here, kept, other = (add(uploads, "a.txt", chat=chat) for chat in (CHAT, None, OTHER))
    now = here.parent.stat().st_mtime
    os.utime(other.parent, (now, now + 10))
    assert uploads.remove_expired(now + DAY) == 0
    assert uploads.remove_expired(now + DAY + 5) == 1
    assert [path.exists() for path in (here, kept, other)] == [False, True, True]
    os.utime(other.parent, (0, 0))
    uploads.touch("local", OTHER)
    assert uploads.remove_expired() == 0


def test_a_folder_just_used_is_left_alone_since_it_is_followed(uploads: Uploads) -> None:
    folder = add(uploads, "a.txt").parent
    now = folder.stat().st_mtime
    for age, is_new in ((DAY * TOUCHED_SHARE / 2, False), (DAY * TOUCHED_SHARE + 60, True)):
        os.utime(folder, (now, now - age))
        uploads.touch("local", CHAT)
        assert (folder.stat().st_mtime >= now - 1) is is_new
    os.utime(folder, (now, now + DAY))  # a clock that was wrong
    uploads.touch("local", CHAT)
    assert folder.stat().st_mtime < now + DAY / 2


def test_what_a_killed_process_left_goes(uploads: Uploads) -> None:
    kept = add(uploads, "a.txt", chat=None)
    part = kept.with_name(f"{PART_PREFIX}1")
    part.write_text("half")
    modified = part.stat().st_mtime
    uploads.remove_expired(modified + STALE_PART_SECONDS - 1)
    assert part.exists()
    uploads.remove_expired(modified + STALE_PART_SECONDS + 1)
    assert names(uploads.folder) == ["a.txt"]
