from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.generate import server_stream
from rag.generate.server_failure import ServerFailure
from rag.generate.server_stream import event_data, read_piece

URL = "http://127.0.0.1:9/v1"


def data_of(*chunks: bytes) -> list[str]:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def read() -> list[str]:
        return [data async for data in event_data(arriving(), URL)]

    return asyncio.run(read())


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5),
    st.integers(1, 7),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_events_come_out_as_they_went_in_however_they_are_cut(
    texts: list[str], size: int, end: bytes
) -> None:
    """JSON may hold U+2028 and its like as they are; a line ends at a line feed alone."""
    sent = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    stream = b"".join(b"data: " + one.encode() + end + end for one in sent)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert data_of(*chunks) == sent


def test_comments_and_other_fields_are_no_data_and_lines_are_joined() -> None:
    stream = b": ping\n\nevent: x\nid: 3\ndata:[1,\ndata: 2]\n\ndata: last"
    assert data_of(stream) == ["[1,\n2]", "last"]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"<html>\n<body>", "no stream of events"),
        (b'{"choices": []}\n', "no stream of events"),
        (b"data: \xff\xfe\n\n", "not UTF-8"),
        (b"data: " + b"x" * 50, "without end"),
    ],
)
def test_what_is_no_stream_is_refused(
    stream: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_stream, "MAX_EVENT_BYTES", 40)
    with pytest.raises(ServerFailure, match=rf"127.0.0.1:9.*{why}.*ends in /v1"):
        data_of(stream)


def test_a_piece_holds_text_reason_usage_and_weights() -> None:
    top = [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -3}]
    choice = {
        "delta": {"content": "Yes"}, "finish_reason": "length",
        "logprobs": {"content": [{"top_logprobs": top}, {"top_logprobs": []}]},
    }  # fmt: skip
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    piece = read_piece(json.dumps({"choices": [choice], "usage": usage}), URL)
    assert (piece.text, piece.finish_reason, piece.usage) == ("Yes", "length", (3, 1))
    assert piece.likeliest == {"Yes": -0.1, "No": -3.0} and piece.is_progress


@pytest.mark.parametrize(
    ("event", "is_progress"),
    [
        ({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, False),
        ({"choices": [{"delta": {"reasoning_content": "Hm"}}]}, True),
        ({"choices": [{"delta": None, "finish_reason": "stop", "logprobs": None}]}, True),
        ({"choices": [], "usage": None}, False),
    ],
)
def test_what_is_written_or_thought_is_progress(event: Any, is_progress: bool) -> None:
    piece = read_piece(json.dumps(event), URL)
    assert piece.is_progress is is_progress and piece.text == ""


@pytest.mark.parametrize(
    "event",
    [
        [],
        "x",
        {"choices": {"delta": {}}},
        {"choices": ["x"]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": ["x"]}}]},
        {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": 1}},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "x"}]}]}}]},
    ],
)
def test_what_has_another_form_is_malformed(event: Any) -> None:
    with pytest.raises(ServerFailure, match="not a chat completion"):
        read_piece(json.dumps(event), URL)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["choices", "delta", "content", "usage", "logprobs", "error"]),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_no_json_breaks_the_reader(event: Any) -> None:
    try:
        read_piece(json.dumps(event), URL)
    except ServerFailure as failure:
        assert "127.0.0.1:9" in str(failure)


@pytest.mark.parametrize(("code", "again"), [(400, False), (500, True), (None, True)])
def test_an_error_in_the_stream_is_told(code: int | None, again: bool) -> None:
    with pytest.raises(ServerFailure, match="overloaded") as caught:
        read_piece(json.dumps({"error": {"message": "overloaded", "code": code}}), URL)
    assert caught.value.may_retry is caught.value.is_down is again
    with pytest.raises(ServerFailure, match="in words"):
        read_piece('{"error": "in words"}', URL)
