"""OpenDocument files, written by hand: headings, lists, notes, sheets, slides."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_asserts import block_with, blocks_of, failure, read

from rag.errors import ReadError

SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in [
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
        ("style", "style"), ("presentation", "presentation"),
    ]
)  # fmt: skip


def write(path: Path, kind: str, body: str, styles: str = "", manifest: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("META-INF/manifest.xml", manifest or "<m/>")
        tag = {"text": "text", "spreadsheet": "spreadsheet", "presentation": "presentation"}[kind]
        archive.writestr(
            "content.xml",
            f"<office:document-content {SPACES}><office:automatic-styles>{styles}"
            f"</office:automatic-styles><office:body><office:{tag}>{body}</office:{tag}>"
            "</office:body></office:document-content>",
        )
    return path


def lock(
    plain: Path, path: Path, password: str, *, digest: str = "sha256", cipher: str = "aes256-cbc"
) -> Path:
    """As ODF 1.2 says, each part by itself: packed, padded, then enciphered."""
    entries = []
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "mimetype":
                target.writestr(name, data)
            elif not name.startswith("META-INF"):
                salt, vector = hashlib.sha256(name.encode()).digest()[:16], bytes(range(16))
                start = hashlib.new(digest, password.encode()).digest()
                key = hashlib.pbkdf2_hmac("sha1", start, salt, 1000, 32)
                packer = zlib.compressobj(wbits=-15)
                packed = packer.compress(data) + packer.flush()
                packed += bytes(16 - len(packed) % 16 - 1) + bytes([16 - len(packed) % 16])
                encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
                target.writestr(name, encryptor.update(packed) + encryptor.finalize())
                salt_text, vector_text = (base64.b64encode(b).decode() for b in (salt, vector))
                entries.append(
                    f'<m:file-entry m:full-path="{name}" m:size="{len(data)}">'
                    "<m:encryption-data>"
                    f'<m:algorithm m:algorithm-name="http://www.w3.org/2001/04/xmlenc#{cipher}"'
                    f' m:initialisation-vector="{vector_text}"/>'
                    '<m:key-derivation m:key-derivation-name="PBKDF2" m:key-size="32"'
                    f' m:iteration-count="1000" m:salt="{salt_text}"/><m:start-key-generation'
                    f' m:start-key-generation-name="http://www.w3.org/2000/09/xmldsig#{digest}"/>'
                    "</m:encryption-data></m:file-entry>"
                )
        space = 'xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
        manifest = f"<m:manifest {space}>{''.join(entries)}</m:manifest>"
        target.writestr("META-INF/manifest.xml", manifest)
    return path


@pytest.mark.parametrize("digest", ["sha256", "sha1"])
def test_a_locked_file_is_read_with_its_password(digest: str, tmp_path: Path) -> None:
    plain = write(tmp_path / "a.odt", "text", "<text:p>Behind a lock 锁</text:p>" * 50)
    locked = lock(plain, tmp_path / "locked.odt", "绿茶", digest=digest)
    assert failure(locked) == failure(locked, "tea") == "password"
    document = read(locked, "tea", "绿茶")
    assert document.text == read(plain).text
    assert (document.title, document.notes) == ("locked", ())
    sheet = "<table:table table:name='S'><table:table-row><table:table-cell><text:p>1</text:p>"
    sheet += "</table:table-cell></table:table-row></table:table>"
    plain = write(tmp_path / "b.ods", "spreadsheet", sheet)
    assert "1" in read(lock(plain, tmp_path / "locked.ods", "x"), "x").text


def test_a_cipher_that_is_not_read_is_told(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.odt", "text", "<text:p>Behind a lock</text:p>")
    locked = lock(plain, tmp_path / "b.odt", "tea", cipher="blowfish")
    with pytest.raises(ReadError, match="of a kind that is not opened; remove it"):
        read(locked, "tea")


@given(st.text(max_size=12))
@settings(max_examples=20, deadline=None)
def test_no_wrong_password_opens_it(password: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain = write(Path(folder) / "a.odt", "text", "<text:p>Behind a lock</text:p>")
        locked = lock(plain, Path(folder) / "b.odt", "the right one")
        assert failure(locked, password) == "password"


def test_text(tmp_path: Path) -> None:
    styles = (
        '<text:list-style style:name="L"><text:list-level-style-number/></text:list-style>'
        '<style:style style:name="T" style:parent-style-name="Title"/>'
    )
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:p text:style-name="T">Manual</text:p><text:h text:outline-level="1">Safety</text:h>'
        '<text:p>Two<text:s text:c="2"/>spaces<text:note><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>the note</text:p></text:note-body></text:note>.</text:p>"
        '<text:list text:style-name="L"><text:list-item><text:p>one</text:p><text:list>'
        "<text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item>"
        "<text:list-item><text:p>two</text:p></text:list-item></text:list>"
        "<text:section><table:table><table:table-row><table:table-cell><text:p>A</text:p>"
        "</table:table-cell><table:table-cell><text:p>B</text:p></table:table-cell>"
        '</table:table-row><table:table-row><table:table-cell table:number-columns-repeated="2">'
        "<text:p>1</text:p></table:table-cell></table:table-row></table:table></text:section>"
        "<text:p><draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame>"
        "</text:p>"
    )
    document = read(write(tmp_path / "a.odt", "text", body, styles))
    assert blocks_of(document, "heading") == ["Manual", "Safety"]
    paragraphs = ["Two  spaces[^1].", "[^1]: the note", "boxed"]
    assert blocks_of(document, "paragraph") == paragraphs
    assert blocks_of(document, "list") == ["1. one", "1. inner", "2. two"]
    assert blocks_of(document, "table") == ["| A | B |\n| 1 | 1 |"]
    assert "deleted" not in document.text


def row(*cells: str, repeats: int = 1) -> str:
    inner = "".join(
        f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells
    )
    return f'<table:table-row table:number-rows-repeated="{repeats}">{inner}</table:table-row>'


def test_sheets(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    )
    blank = (
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/>'
        "</table:table-row>"
    )
    stock = row("品名", "Price") + row("螺钉", "￥5.00", repeats=2) + blank
    secret = row("secret")
    body = (
        f'<table:table table:name="库存">{stock}</table:table>'
        f'<table:table table:name="s" table:style-name="h">{secret}</table:table>'
    )
    document = read(write(tmp_path / "a.ods", "spreadsheet", body, styles))
    assert block_with(document, "螺钉").headings == ("库存", "rows 1-3")
    assert document.text == "库存\n\n| 品名 | Price |\n| 螺钉 | ￥5.00 |\n| 螺钉 | ￥5.00 |"


def test_slides(tmp_path: Path) -> None:
    def frame(text: str, kind: str = "outline") -> str:
        box = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    notes = f"<presentation:notes>{frame('say it', 'notes')}</presentation:notes>"
    body = (
        f"<draw:page>{notes}{frame('body')}{frame('Title', 'title')}</draw:page>"
        f"<draw:page>{frame('second')}</draw:page>"
    )
    document = read(write(tmp_path / "a.odp", "presentation", body))
    assert document.text == "Title\n\nbody\n\nsay it\n\nsecond"
    said = block_with(document, "say it")
    assert (said.page, said.headings) == (1, ("Title",))
    assert (document.blocks[-1].page, document.blocks[-1].headings) == (2, ())


def test_locked_and_damaged(tmp_path: Path) -> None:
    locked = "<m><encryption-data/></m>"
    assert failure(write(tmp_path / "a.odt", "text", "", manifest=locked)) == "password"
    assert failure(tmp_path / "a.odt", "tea") == "password"
    assert failure(write(tmp_path / "b.odt", "text", "")) == "empty"
    (tmp_path / "c.odt").write_bytes(b"PK\x03\x04")
    assert failure(tmp_path / "c.odt") == "damaged"
