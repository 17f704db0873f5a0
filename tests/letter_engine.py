"""An engine without a model, for the thread that owns one."""

from __future__ import annotations

import threading
from typing import Any

from rag.generate.vllm_engine import Delta, Request


class LetterEngine:
    """Writes a, b, c ... for every request at once; `fail` breaks a step or a request.

    A token weighs as little as its number is large.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.written: dict[str, list[int]] = {}  # request -> [letters so far, letters wanted]
        self.log: list[str] = []
        self.avoided: list[tuple[int, ...]] = []
        self.schemas: list[Any] = []
        self.weighed: dict[str, tuple[int, ...]] = {}
        self.fail = False
        self.gate: threading.Semaphore | None = None
        self.is_closed = False
        self.threads = {threading.get_ident()}

    def add(self, request: Request) -> None:
        self.threads.add(threading.get_ident())
        if request.temperature > 1.5:
            raise ValueError("too hot")
        self.written[request.request_id] = [0, request.max_tokens]
        num_tokens = len(request.ids)
        self.log.append(
            f"add {request.request_id} {num_tokens} {request.max_tokens} {request.temperature}"
        )
        self.avoided.append(request.avoided)
        self.schemas.append(request.schema)
        self.weighed[request.request_id] = request.weighed

    def abort(self, request_id: str) -> None:
        self.threads.add(threading.get_ident())
        del self.written[request_id]
        self.log.append(f"abort {request_id}")

    def step(self) -> list[Delta]:
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            self.gate.acquire()
        if self.fail:
            raise RuntimeError("out of memory")
        deltas = []
        for request_id, (done, wanted) in list(self.written.items()):
            reason = "length" if done + 1 == wanted else None
            weights = tuple(float(-token) for token in self.weighed[request_id])
            deltas.append(Delta(request_id, chr(ord("a") + done), 1, reason, weights))
            self.written[request_id][0] += 1
            if reason:
                del self.written[request_id]
        return deltas

    def close(self) -> None:
        self.is_closed = True
