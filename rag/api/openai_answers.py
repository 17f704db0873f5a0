"""An answer as OpenAI's chat completion, at once or in chunks."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from rag.api import results
from rag.api.failure import as_api_error, failure_json
from rag.api.schemas import ChatRequest
from rag.api.serving import AnswerStream, Api, EventResponse
from rag.types import Answer, AnswerEvent, AnswerFinished, AnswerText, CitationFound, Progress

DONE = "data: [DONE]\n\n"


async def respond(api: Api, request: Request, stream: AnswerStream, given: ChatRequest) -> Response:
    url_of = partial(api.url, request)
    try:
        if not given.stream:
            event = await stream.finished(request)
            await stream.close()
            return JSONResponse(completion(event.answer, given.model, url_of))
        first = await stream.first(request)
    except BaseException:
        await stream.close()
        raise
    chunks = Chunks(given, url_of)
    return EventResponse(_lines(stream, first, request, chunks), stream)


def completion(answer: Answer, model: str, url_of: results.UrlOf) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": answer.text,
        "refusal": None,
        "annotations": results.annotated(answer, url_of),
    }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(answer),
        "logprobs": None,
    }
    return {
        **_head("chat.completion", model),
        "choices": [choice],
        "usage": usage(answer),
        **_extension(answer, url_of),
    }


def finish_reason(answer: Answer) -> str:
    """Why it ends, as OpenAI says it."""
    return "length" if answer.is_cut else "stop"


def usage(answer: Answer) -> dict[str, int]:
    prompt, written = answer.prompt_tokens, answer.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }


def _extension(answer: Answer, url_of: results.UrlOf) -> dict[str, Any]:
    """Footnote's own fields."""
    return {
        "citations": [results.cited(one, url_of) for one in answer.citations],
        "abstained": answer.abstained,
        "cached": answer.cached,
    }


def _head(kind: str, model: str) -> dict[str, Any]:
    name = f"chatcmpl-{secrets.token_hex(12)}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": model}


class Chunks:
    """Makes an answer's events to chunks, which share one head."""

    def __init__(self, given: ChatRequest, url_of: results.UrlOf) -> None:
        self._head = _head("chat.completion.chunk", given.model)
        self._url_of = url_of
        self._with_usage = bool(given.stream_options and given.stream_options.include_usage)
        self._length = 0

    def begin(self) -> str:
        return self._line({"role": "assistant", "content": ""})

    def of(self, event: AnswerEvent) -> str:
        match event:
            case AnswerText(text=text):
                self._length += len(text)
                return self._line({"content": text})
            case CitationFound(citation=citation):
                made = results.annotation(citation, self._length, self._url_of)
                self._length += len(citation.label)
                return self._line({"content": citation.label, "annotations": [made]})
            case AnswerFinished(answer=answer):
                return self._end(answer)
            case Progress(text=text):
                return f": {' '.join(text.split())}\n\n"
        return ""

    def _end(self, answer: Answer) -> str:
        lines = self._line({}, finish_reason(answer), **_extension(answer, self._url_of))
        if self._with_usage:
            lines += _data({**self._head, "choices": [], "usage": usage(answer)})
        return lines + DONE

    def _line(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return _data({**self._head, "choices": [choice], **more})


async def _lines(
    stream: AnswerStream, first: AnswerEvent, request: Request, chunks: Chunks
) -> AsyncGenerator[str, None]:
    yield chunks.begin()
    try:
        async for event in stream.rest(first):
            line = ": waiting\n\n" if event is None else chunks.of(event)
            if line:
                yield line
    except Exception as error:  # the status is out already: told in place of the end
        yield _data(failure_json(request.url.path, as_api_error(error))) + DONE


def _data(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"
