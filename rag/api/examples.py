"""Answers as the schema shows them."""

from __future__ import annotations

from typing import Any

PLACE: dict[str, Any] = {
    "document": 3, "title": "X200 user manual", "path": "/docs/x200.pdf", "page": 11,
    "heading": "Faults", "start": 812, "end": 846,
    "url": "http://localhost:8000/view/3?start=812&end=846#cite",
}  # fmt: skip
CITED: dict[str, Any] = {
    **PLACE, "marker": 1, "label": "[1]", "quote": "E12 | Lamp over 85 degrees Celsius",
    "supported": True, "verdict": "supported", "reason": "",
}  # fmt: skip
SEARCH_ANSWER: dict[str, Any] = {
    "query": "fault code E12", "mode": "hybrid", "notes": [], "took_ms": 9.4,
    "cached": False,
    "hits": [{**PLACE, "rank": 1, "score": 7.31, "text": CITED["quote"]}],
}  # fmt: skip
ASK_ANSWER: dict[str, Any] = {
    "question": "What does fault code E12 mean?",
    "answer": "The lamp is over 85 degrees Celsius.[1]", "abstained": False,
    "citations": [CITED], "model": "Qwen2.5-7B-Instruct", "cached": True,
    "cut_off": False,
    "usage": {"prompt_tokens": 1432, "completion_tokens": 14},
}  # fmt: skip
CHAT_ANSWER: dict[str, Any] = {
    "id": "chatcmpl-0123456789ab", "object": "chat.completion", "created": 1790000000,
    "model": "footnote",
    "choices": [
        {
            "index": 0, "finish_reason": "stop",
            "message": {
                "role": "assistant", "content": "The lamp is over 85 degrees Celsius.[1]",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 36, "end_index": 39, "title": PLACE["title"],
                            "url": PLACE["url"],
                        },
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 1432, "completion_tokens": 14, "total_tokens": 1446},
    "citations": [CITED], "abstained": False, "cached": True,
}  # fmt: skip
