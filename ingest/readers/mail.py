"""Mails (EML and Outlook's MSG): headers, body, and attachments as members."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from ingest.readers.builder import DocumentBuilder, clean
from ingest.readers.encoding import decode
from ingest.readers.html import add_html
from ingest.readers.members import Container, Member, add_members, read_stream
from ingest.readers.options import ReadOptions
from ingest.readers.text import add_paragraphs
from rag.types import Document

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def read_eml(path: Path, *, options: ReadOptions, container: Container) -> Document:
    """Read a mail as text; its plain body is taken before its HTML one."""
    message = _parse(path.read_bytes())
    builder = DocumentBuilder()
    headers = {name: _header(message, name) for name in _HEADERS}
    _add_headers(builder, headers)
    attachments: list[tuple[str, bytes]] = []
    _add_part(builder, message, attachments)
    add_members(builder, _members(attachments, options, container), container)
    return builder.build(headers["Subject"] or path.stem)


def read_msg(path: Path, *, options: ReadOptions, container: Container) -> Document:
    """Read a mail as Outlook saves it."""
    from oxmsg import Message

    message: Any = Message.load(str(path))
    builder = DocumentBuilder()
    recipients = [one.email_address or one.name for one in message.recipients]
    headers = {
        "Subject": message.subject or "",
        "From": message.sender or "",
        "To": ", ".join(filter(None, recipients)),
        "Date": str(message.sent_date or ""),
    }
    _add_headers(builder, headers)
    if (message.body or "").strip():
        add_paragraphs(builder, message.body)
    elif message.html_body:
        add_html(builder, message.html_body.encode())
    attachments = [
        (one.file_name or f"attachment-{number}", one.file_bytes)
        for number, one in enumerate(message.attachments, start=1)
        if one.file_bytes
    ]
    add_members(builder, _members(attachments, options, container), container)
    return builder.build(headers["Subject"] or path.stem)


def _parse(data: bytes) -> EmailMessage:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        data = decode(data).encode()  # a mail saved as UTF-16
    return message_from_bytes(data, policy=policy.default)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # the standard library fails on some malformed headers
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def _add_headers(builder: DocumentBuilder, headers: dict[str, str]) -> None:
    builder.add_paragraph("\n".join(f"{name}: {text}" for name, text in headers.items() if text))


def _add_part(
    builder: DocumentBuilder, part: EmailMessage, attachments: list[tuple[str, bytes]]
) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822" or kind == "message/partial":
        attachments += _inner_mails(part)
    elif kind == "multipart/alternative":
        _add_part(builder, _best_alternative(part), attachments)
    elif part.is_multipart():
        for inner in part.iter_parts():
            _add_part(builder, cast(EmailMessage, inner), attachments)
    elif part.get_content_disposition() != "attachment" and kind in ("text/plain", "text/html"):
        _add_body(builder, part, kind)
    elif name := _file_name(part):
        attachments.append((name, _payload(part)))


def _best_alternative(part: EmailMessage) -> EmailMessage:
    parts = [cast(EmailMessage, inner) for inner in part.iter_parts()]
    plain = [one for one in parts if one.get_content_type() == "text/plain"]
    return next((one for one in plain if _payload(one).strip()), parts[-1] if parts else part)


def _inner_mails(part: EmailMessage) -> Iterator[tuple[str, bytes]]:
    payload = part.get_payload()
    for inner in payload if isinstance(payload, list) else []:
        mail = cast(EmailMessage, inner)
        subject = re.sub(r"[/\\\s]+", " ", _header(mail, "Subject")).strip()
        yield f"{subject or 'mail'}.eml", mail.as_bytes(policy=policy.compat32)


def _add_body(builder: DocumentBuilder, part: EmailMessage, kind: str) -> None:
    data = _payload(part)
    text = _decode_part(data, str(part.get_content_charset() or ""))
    if kind == "text/html":
        add_html(builder, text.encode("utf-8", "replace"))
    else:
        add_paragraphs(builder, text)


def _decode_part(data: bytes, charset: str) -> str:
    name = {"gb2312": "gb18030", "gbk": "gb18030"}.get(charset.lower(), charset)
    try:
        return data.decode(name) if name else decode(data)
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _payload(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _file_name(part: EmailMessage) -> str:
    try:
        name = part.get_filename() or ""
    except Exception:  # as in _header
        name = ""
    if not name and part.get_content_disposition() == "attachment":
        name = "attachment"
    return clean(name).replace("/", "_").strip()


def _members(
    attachments: list[tuple[str, bytes]], options: ReadOptions, container: Container
) -> Iterator[Member]:
    for name, data in attachments:
        yield read_stream(name, io.BytesIO(data), options=options, container=container)
