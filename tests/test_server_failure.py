from __future__ import annotations

import ssl
from datetime import UTC, datetime

import httpx
import pytest

from rag.generate.server_failure import of_status, of_transport, retry_after, shown

URL = "https://someone:secret@gpu.example/v1"
LONG = (
    "This model's maximum context length is 32768 tokens. However, you requested 512 output "
    "tokens and your prompt contains 40000 input tokens."
)
NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "text", "words", "again", "down"),
    [
        (400, LONG, "max_model_len", False, False),
        (400, "bad temperature", "bad temperature", False, False),
        (413, "", "context_tokens", False, False),
        (401, "key sk-123 is wrong", "api_key", False, False),
        (403, "key sk-123 is wrong", "api_key", False, False),
        (404, "The model `x` does not exist.", "generator_model", False, False),
        (405, "", "/v1", False, False),
        (408, "", "Ask again", True, False),
        (429, "", "later", True, False),
        (500, "boom", "log", True, True),
        (503, "", "starting", True, True),
        (302, "", "https://other/v1", False, False),
    ],
)
def test_a_status_names_server_and_cure(
    status: int, text: str, words: str, again: bool, down: bool
) -> None:
    failure = of_status(URL, status, text, {"location": "https://other/v1"})
    assert words in str(failure) and f"https://gpu.example/v1 answered {status}" in str(failure)
    assert (failure.may_retry, failure.is_down) == (again, down)
    assert "sk-123" not in str(failure) and "secret" not in str(failure)


def test_the_field_that_is_complained_of_is_named_if_it_was_sent() -> None:
    text = '{"error": "unknown field stream_options"}'
    sent = ("response_format", "stream_options")
    assert of_status(URL, 400, text, {}, may_leave_out=sent).field == "stream_options"
    assert of_status(URL, 422, text, {}, may_leave_out=("logprobs",)).field == ""
    assert of_status(URL, 500, text, {}, may_leave_out=sent).field == ""


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == seconds
    assert retry_after({}, NOW) is None


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words", "again"),
    [
        (httpx.ConnectError("Connection refused"), "Start the server", True),
        (httpx.ConnectTimeout(""), "ConnectTimeout", True),
        (httpx.RemoteProtocolError("Server disconnected"), "broke off", True),
        (httpx.ReadError(""), "broke off", True),
        (httpx.UnsupportedProtocol("no http"), "Correct the URL", False),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), "http:// instead", True),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "self-signed")),
         "SSL_CERT_FILE", False),
    ],
)  # fmt: skip
def test_a_broken_connection_names_server_and_cure(
    error: Exception, words: str, again: bool
) -> None:
    failure = of_transport(URL, error)
    assert words in str(failure) and shown(URL) in str(failure) and "secret" not in str(failure)
    assert failure.may_retry is again
