"""What can go wrong with a language model's server, in words that name it and the cure."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from rag.errors import GenerationError

SHOWN_CHARACTERS = 200  # of what the server says
_TOO_LONG = re.compile(
    r"context[ _]length|context window|context size|too many tokens|prompt is too long|"
    r"reduce the length|exceeds? the (?:available )?context",
    re.IGNORECASE,
)
_CURES = {
    401: "Set api_key to the key that the server wants.",
    403: "Check that api_key may use this model.",
    404: "Check generator (the URL usually ends in /v1) and generator_model.",
    405: "Check generator: the URL usually ends in /v1.",
    408: "Ask again.",
    413: "The question with its sources is too large for it: set context_tokens lower.",
    429: "It has too much to do: ask again later, or name more servers in generator.",
    503: "It is starting or has too much to do: ask again later.",
}
_SECRET_STATUSES = (401, 403)  # what is said there may repeat the key


class ServerFailure(GenerationError):
    """A server did not answer as it should.

    `may_retry`: another try may do better. `is_down`: it speaks against the server, not against
    the request. `wait_seconds` is what the server asked to wait; `field` names what of the request
    it does not take, and can be left out.
    """

    def __init__(
        self,
        message: str,
        *,
        may_retry: bool = False,
        is_down: bool = False,
        wait_seconds: float | None = None,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.may_retry, self.is_down = may_retry, is_down
        self.wait_seconds, self.field = wait_seconds, field


def shown(url: str) -> str:
    """The URL without a user's name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def one_line(text: str) -> str:
    """The beginning of what a server says, for a message."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())[
        :SHOWN_CHARACTERS
    ]


def of_status(
    url: str, status: int, text: str, headers: Any, *, may_leave_out: tuple[str, ...] = ()
) -> ServerFailure:
    """Of an answer that is no 200; `may_leave_out` are fields of the request."""
    said = "" if status in _SECRET_STATUSES else one_line(text)
    begun = f"{shown(url)} answered {status}{f' ({said})' if said else ''}."
    if 300 <= status < 400:
        target = one_line(headers.get("location", "another address"))
        return ServerFailure(f"{begun} It leads to {target}: write that into generator.")
    if status in (400, 413, 422) and _TOO_LONG.search(text):
        cure = "Set max_model_len to what the server holds, or context_tokens lower."
        return ServerFailure(f"{begun} {cure}")
    if status in (400, 422):
        named = (name for name in may_leave_out if name in text)
        return ServerFailure(
            f"{begun} It does not take the request: its log says more.", field=next(named, "")
        )
    cure = _CURES.get(status, "Its log says more.")
    return ServerFailure(
        f"{begun} {cure}",
        may_retry=status >= 500 or status in (408, 429),
        is_down=status >= 500,
        wait_seconds=retry_after(headers) if status in (429, 503) else None,
    )


def retry_after(headers: Any, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    value = str(headers.get("retry-after", "")).strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def of_transport(url: str, error: Exception) -> ServerFailure:
    """Of a connection that could not be made, or broke."""
    texts = [str(one) for one in _causes(error)]
    told = one_line(texts[0]) or type(error).__name__
    begun = f"{shown(url)} cannot be reached ({told})."
    if certificate := _certificate_fault(error):
        cure = (
            f"Its certificate is not trusted: {certificate}. Set SSL_CERT_FILE in the environment "
            "to the certificate of your own authority."
        )
        return ServerFailure(f"{begun} {cure}", is_down=True)
    if any(isinstance(one, ssl.SSLError) for one in _causes(error)) or "SSL" in " ".join(texts):
        cure = "It may not speak TLS: try http:// instead of https:// in generator."
        return ServerFailure(f"{begun} {cure}", may_retry=True, is_down=True)
    name = type(error).__name__
    if name in ("UnsupportedProtocol", "InvalidURL"):
        return ServerFailure(f"{begun} Correct the URL in generator.")
    if name in ("ConnectError", "ConnectTimeout"):
        cure = "Start the server, or correct the URL in generator."
    else:
        begun = f"The answer of {shown(url)} broke off ({told})."
        cure = "Ask again; the server's log may say why."
    return ServerFailure(f"{begun} {cure}", may_retry=True, is_down=True)


def of_silence(url: str, what: str, seconds: float, setting: str) -> ServerFailure:
    """Of a server that took too long."""
    return ServerFailure(
        f"{shown(url)} {what} within {seconds:g} s. Ask again, or set {setting} higher.",
        may_retry=True,
        is_down=True,
    )


def malformed(url: str, data: str, why: str) -> ServerFailure:
    """Of an answer that is not what the interface says."""
    return ServerFailure(
        f"{shown(url)} sent {one_line(data)[:80]!r}, {why}. Check that the URL in generator is an "
        "OpenAI-compatible interface; it usually ends in /v1.",
        may_retry=True,
        is_down=True,
    )


def _certificate_fault(error: Exception) -> str:
    for one in _causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return one_line(getattr(one, "verify_message", "") or str(one))
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
