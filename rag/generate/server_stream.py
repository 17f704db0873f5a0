"""Server-sent events of chat completions, taken apart; nothing in them is trusted."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from rag.generate.server_failure import ServerFailure, malformed, one_line, shown

MAX_EVENT_BYTES = 4_000_000  # an event is a token or a few; more is no stream
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event says. `usage` are the tokens of prompt and answer.

    `is_progress` is true where the model has gone on, if only with thoughts that are not shown.
    `likeliest` are log-probabilities of its first token.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: tuple[int, int] | None = None
    likeliest: dict[str, float] = field(default_factory=dict)
    is_progress: bool = False


async def event_data(chunks: AsyncIterator[bytes], url: str) -> AsyncGenerator[str, None]:
    """The data of each event (WHATWG HTML, 9.2.6), up to the end that the server names.

    Lines end at line feeds alone: JSON may hold U+2028, at which Python would split as well.
    """
    rest, data = b"", bytearray()
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                data += (b"\n" if data else b"") + line[5:].removeprefix(b" ")
            elif not line and data:
                yield _decoded(data, url)
                data = bytearray()
            elif line.startswith((b"{", b"<")):
                raise malformed(url, _decoded(line, url), "which is no stream of events")
        if len(rest) + len(data) > MAX_EVENT_BYTES:
            raise malformed(url, _decoded(data or rest, url), "an event without end")
    if rest.startswith(b"data:"):
        data += rest[5:]
    if data:
        yield _decoded(data, url)


def _decoded(data: bytes | bytearray, url: str) -> str:
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise malformed(url, repr(bytes(data[:40])), "which is not UTF-8") from error


def read_piece(data: str, url: str) -> Piece:
    """One event's data. Raises ServerFailure if it tells of an error, or is malformed."""
    try:
        event = json.loads(data)
    except ValueError as error:
        raise malformed(url, data, "which is not JSON") from error
    try:
        if problem := event.get("error"):
            raise _told(problem, url)
        choices = event.get("choices") or ()
        return _piece(choices[0] if choices else {}, event.get("usage"))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise malformed(url, data, "which is not a chat completion") from error


def _piece(choice: dict[str, Any], usage: dict[str, Any] | None) -> Piece:
    delta = choice.get("delta") or {}
    text = delta.get("content") or ""
    if not isinstance(text, str):
        raise TypeError(text)
    reason = choice.get("finish_reason")
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    counts = (int(usage["prompt_tokens"]), int(usage["completion_tokens"])) if usage else None
    told = (choice.get("logprobs") or {}).get("content") or ()
    likeliest = {
        str(one["token"]): float(one["logprob"])
        for one in (told[0].get("top_logprobs") or () if told else ())
    }
    return Piece(
        text, str(reason) if reason else None, counts, likeliest, bool(text or reason or thought)
    )


def _told(problem: Any, url: str) -> ServerFailure:
    """An error told within the stream, as {"message": ..., "code": ...} or in plain words."""
    text = problem.get("message") if isinstance(problem, dict) else problem
    code = problem.get("code") if isinstance(problem, dict) else None
    is_ours = isinstance(code, int) and 400 <= code < 500
    return ServerFailure(
        f"{shown(url)} failed while writing ({one_line(str(text))}). Its log says more.",
        may_retry=not is_ours,
        is_down=not is_ours,
    )
