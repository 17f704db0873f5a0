"""Archives: members under their addresses, limits, passwords, and what is left out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_asserts import block_with, blocks_of, failure, read, read_bytes

from ingest.readers import read_document
from ingest.readers.archive import read_members
from ingest.readers.members import Container, Limits, safe_name
from ingest.readers.options import ReadOptions
from rag.errors import ReadError

NO_OPTIONS = ReadOptions()


def make_zip(files: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def make_tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_zip_members_stand_under_their_addresses(tmp_path: Path) -> None:
    data = make_zip({"a/one.md": "# Top\n\nFirst.", "two.txt": "Second.", "x.exe": b"MZ\x00"})
    document = read_bytes(tmp_path / "all.zip", data)
    assert block_with(document, "First.").headings == ("all.zip!/a/one.md", "Top")
    assert block_with(document, "Second.").headings == ("all.zip!/two.txt",)
    assert [note.split(":")[0] for note in document.notes] == ["left out (unsupported)"]
    assert "all.zip!/x.exe" in document.notes[0]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(tmp_path: Path, mode: str) -> None:
    name = "all.tar" + mode[1:].replace(":", ".")
    document = read_bytes(tmp_path / name, make_tar({"d/a.txt": b"one", "b.txt": b"two"}, mode))
    assert block_with(document, "one").headings == (f"{name}!/d/a.txt",)
    assert block_with(document, "two").headings == (f"{name}!/b.txt",)


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_one_packed_file(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    document = read_bytes(tmp_path / f"notes.txt{suffix}", pack(b"remember"))
    assert block_with(document, "remember").headings == (f"notes.txt{suffix}!/notes.txt",)


def test_an_archive_in_an_archive_and_no_deeper(tmp_path: Path) -> None:
    inner = make_zip({"deep.txt": "below"})
    middle = make_zip({"inner.zip": inner, "mid.txt": "between"})
    document = read_bytes(tmp_path / "top.zip", make_zip({"inner.zip": inner}))
    assert block_with(document, "below").headings == ("top.zip!/inner.zip!/deep.txt",)
    assert len(blocks_of(document, "heading")) == 1
    document = read_bytes(tmp_path / "top.zip", make_zip({"middle.zip": middle}))
    assert "between" in document.text and "below" not in document.text
    assert "too_large" in document.notes[0]


def test_names_lead_nowhere(tmp_path: Path) -> None:
    data = make_zip({"../../evil.txt": "evil", "/abs.txt": "abs", "w\\in.txt": "win"})
    document = read_bytes(tmp_path / "odd.zip", data)
    assert blocks_of(document, "heading") == [
        "odd.zip!/evil.txt",
        "odd.zip!/abs.txt",
        "odd.zip!/w/in.txt",
    ]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["odd.zip"]


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_safe_names_are_names(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..") and "/" not in safe and "\x00" not in safe
    assert len(safe.encode("utf-8", "replace")) < 255


def test_links_and_litter_are_left_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("passwd.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name in ("a.txt", "__MACOSX/a.txt", "d/.hidden.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            archive.addfile(entry, io.BytesIO(b"text"))
    document = read_bytes(tmp_path / "l.tar", buffer.getvalue())
    assert blocks_of(document, "heading") == ["l.tar!/a.txt"]


def test_a_name_in_an_old_code_page(tmp_path: Path) -> None:
    data = make_zip({"????.txt": "text"})  # of as many bytes as the true name
    data = data.replace(b"????.txt", "制度".encode("gb18030") + b".txt")
    document = read_bytes(tmp_path / "old.zip", data)
    assert blocks_of(document, "heading") == ["old.zip!/制度.txt"]


def test_a_bomb_is_left_out(tmp_path: Path) -> None:
    data = make_zip({"bomb.txt": b"0" * 50_000_000, "a.txt": "fine"})
    document = read_bytes(tmp_path / "bomb.zip", data)
    assert blocks_of(document, "paragraph") == ["fine"]
    assert "left out (too_large): bomb.zip!/bomb.txt" in document.notes[0]


def members(path: Path, limits: Limits) -> list[str]:
    container = Container(path.name, read_document, limits=limits)
    found = read_members(path, options=NO_OPTIONS, container=container)
    return [one.content.reason if isinstance(one.content, ReadError) else "" for one in found]


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "three.zip"
    path.write_bytes(make_zip({f"{n}.txt": "word " * 100 for n in range(3)}))
    assert members(path, Limits()) == ["", "", ""]
    assert members(path, Limits(member_bytes=499)) == ["too_large"] * 3
    assert members(path, Limits(total_bytes=1_100)) == ["", "", "too_large"]
    assert members(path, Limits(members=2)) == ["", "", "too_large"]


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    data = bytearray(make_zip({"a.txt": b"x" * 5_000}))
    at = data.index((5_000).to_bytes(4, "little"), data.index(b"PK\x01\x02"))
    data[at : at + 4] = (50).to_bytes(4, "little")
    path = tmp_path / "lie.zip"
    path.write_bytes(bytes(data))
    [reason] = members(path, Limits(member_bytes=1_000))
    assert reason in ("damaged", "too_large")


def test_a_damaged_member_loses_no_other(tmp_path: Path) -> None:
    data = make_zip({"a.txt": "AAAA first", "b.txt": "second"}, zipfile.ZIP_STORED)
    document = read_bytes(tmp_path / "d.zip", data.replace(b"AAAA first", b"BBBB first"))
    assert blocks_of(document, "paragraph") == ["second"]
    assert "left out (damaged): d.zip!/a.txt" in document.notes[0]


def test_a_cut_tar_keeps_what_stands_before(tmp_path: Path) -> None:
    data = make_tar({"a.txt": b"first", "b.txt": b"x" * 20_000})
    document = read_bytes(tmp_path / "cut.tar", data[:5_000])
    assert "first" in document.text and "damaged" in document.notes[-1]


def test_members_under_a_password(tmp_path: Path) -> None:
    # A ZIP with the classic cipher, password "tea": one stored file of 4 bytes.
    path = tmp_path / "locked.zip"
    path.write_bytes(encrypt_zip("a.txt", b"open", b"tea"))
    assert failure(path) == "password"
    assert failure(path, "wrong", "coffee") == "password"
    assert blocks_of(read(path, "wrong", "tea"), "paragraph") == ["open"]


def encrypt_zip(name: str, data: bytes, password: bytes) -> bytes:
    """PKWARE's classic cipher (APPNOTE 6.1), which the standard library only decrypts."""
    import zlib

    def crc(value: int, byte: int) -> int:
        return (zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF) & 0xFFFFFFFF

    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    checksum = zlib.crc32(data)
    sealed = bytearray()
    for byte in bytes(11) + bytes([checksum >> 24]) + data:
        key = (keys[2] | 2) & 0xFFFF
        sealed.append(byte ^ ((key * (key ^ 1)) >> 8 & 0xFF))
        update(byte)
    plain = make_zip({name: data}, zipfile.ZIP_STORED)
    entry = bytearray(plain.replace(data, bytes(sealed), 1))
    local, central = 0, entry.index(b"PK\x01\x02")
    entry[local + 6] |= 1
    entry[central + 8] |= 1
    for at in (local + 18, central + 20):
        entry[at : at + 4] = len(sealed).to_bytes(4, "little")
    end = entry.index(b"PK\x05\x06")
    entry[end + 16 : end + 20] = central.to_bytes(4, "little")
    return bytes(entry)


def test_nothing_to_read(tmp_path: Path) -> None:
    for name, files, reason in [
        ("none.zip", {}, "notext"),
        ("programs.zip", {"a.exe": b"MZ", "b.dll": b"MZ"}, "unsupported"),
        ("mixed.zip", {"a.exe": b"MZ", "b.pdf": b"%PDF-"}, "notext"),
    ]:
        (tmp_path / name).write_bytes(make_zip(dict(files)))
        assert failure(tmp_path / name) == reason
    (tmp_path / "not.zip").write_bytes(b"PK\x03\x04 not at all")
    assert failure(tmp_path / "not.zip") == "damaged"
    (tmp_path / "not.gz").write_bytes(b"not at all")
    assert failure(tmp_path / "not.gz") == "damaged"
