"""Mails: headers, the better body, attachments and mails within mails."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from reading_asserts import CHINESE, block_with, blocks_of, failure, read, read_bytes


def make_mail(subject: str = "报销 Travel") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "a@x.org", "王 <b@x.org>"
    mail["Date"] = "Fri, 16 Dec 2022 17:04:16 +0800"
    mail.set_content(f"{CHINESE}\n\nSecond.", charset="gb18030")
    mail.add_alternative("<p>the same in <b>HTML</b></p>", subtype="html")
    return mail


def test_headers_and_body(tmp_path: Path) -> None:
    document = read_bytes(tmp_path / "m.eml", make_mail().as_bytes())
    assert document.title == "报销 Travel"
    headers, *body = blocks_of(document, "paragraph")
    assert headers.split("\n") == [
        "Subject: 报销 Travel",
        "From: a@x.org",
        "To: 王 <b@x.org>",
        "Date: Fri, 16 Dec 2022 17:04:16 +0800",
    ]
    assert body == [CHINESE, "Second."]


def test_html_body_where_there_is_no_other(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "s"
    mail.set_content("<h1>Head</h1><p>Text</p>", subtype="html")
    document = read_bytes(tmp_path / "m.eml", mail.as_bytes())
    assert block_with(document, "Text").headings == ("Head",)


def test_attachments_are_members(tmp_path: Path) -> None:
    mail = make_mail()
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="数据.csv")
    mail.add_attachment(b"MZ\x00", maintype="application", subtype="x", filename="x.exe")
    mail.add_attachment(
        make_mail("Inner").as_bytes(), maintype="text", subtype="x", filename="i.eml"
    )
    document = read_bytes(tmp_path / "m.eml", mail.as_bytes())
    assert block_with(document, "| 1 | 2 |").headings == ("m.eml!/数据.csv", "rows 1-2")
    assert block_with(document, "Subject: Inner").headings == ("m.eml!/i.eml",)
    assert len(document.notes) == 1 and "m.eml!/x.exe" in document.notes[0]


def test_a_forwarded_mail(tmp_path: Path) -> None:
    outer = EmailMessage()
    outer["Subject"] = "Outer"
    outer.set_content("see below")
    outer.add_attachment(make_mail("Inner/one"))
    document = read_bytes(tmp_path / "m.eml", outer.as_bytes())
    assert block_with(document, "Subject: Inner/one").headings == ("m.eml!/Inner one.eml",)


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: =?utf-8?B?broken?=\nFrom: =?x?Q?=\n\nbody",
        b"Subject: s\nContent-Type: text/plain; charset=nonsense\n\nbody",
        b"Subject: s\nContent-Transfer-Encoding: base64\n\n!!!body!!!",
        "Subject: s\n\nbody".encode("utf-16"),
        "Subject: s\n\nbody".encode("utf-16-le"),
        b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody",
    ],
)
def test_malformed_mails_are_read(tmp_path: Path, data: bytes) -> None:
    assert read_bytes(tmp_path / "m.eml", data).text


def test_a_mail_of_no_words(tmp_path: Path) -> None:
    (tmp_path / "m.eml").write_bytes(b"X-Nothing: 1\n\n\n")
    assert failure(tmp_path / "m.eml") == "notext"
    (tmp_path / "m.msg").write_bytes(b"not from Outlook")
    assert failure(tmp_path / "m.msg") == "damaged"


def test_msg(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parent.parent
    path = root.parent / "shared/data/torture/files/md_csv_eml/unstructured__fake-email.msg"
    if not path.exists():
        pytest.skip("no collection of hard files")
    document = read(path)
    assert document.title == "Test Email"
    assert "Roses are red" in document.text and "From: " in document.text
