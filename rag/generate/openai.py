"""A language model behind servers that speak OpenAI's chat completions, such as vLLM's."""

from __future__ import annotations

import hashlib
import logging
import math
import queue
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal

from rag.errors import GenerationError, UnanswerableError
from rag.generate.background_loop import BackgroundLoop
from rag.generate.endpoints import Endpoints
from rag.generate.server_asking import Asker, Limits
from rag.generate.server_failure import shown
from rag.generate.server_stream import Piece
from rag.tokens import ChatTokenizer
from rag.types import Message
from rag.words import UNSPACED

CHARACTERS_PER_TOKEN = 3.0  # a cautious estimate: running text in Latin script has about four
TOKENS_PER_TURN = 8
TOP_LOGPROBS = 20  # as many as servers tell
NEVER = -100  # the bias of a token that is not to be written
GUESSED_MODEL_LEN = 32_768  # where neither the settings nor the servers tell
PREFIX_CHARACTERS = 1000  # of the first question: rules and first source, which follow-ups repeat
LEARN_SECONDS = 15.0
CLOSED = "The language model was closed."
_WIDE = re.compile(f"[{UNSPACED}]")

log = logging.getLogger(__name__)


class OpenAIGeneration:
    """One answer under way. The loop of the servers puts in; the asker iterates."""

    def __init__(self, prompt_tokens: int, count: Callable[[str], int]) -> None:
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.likeliest: dict[str, float] = {}  # log-probabilities of the first token, if asked for
        self._count = count
        self._queue: queue.SimpleQueue[Piece | GenerationError | None] = queue.SimpleQueue()
        self._future: Future[None] | None = None
        self._ended = False

    def begin(self, future: Future[None]) -> None:
        """The asking has begun; when it ends, so does the iteration."""
        self._future = future
        future.add_done_callback(lambda done: self._queue.put(_outcome(done)))

    def put(self, piece: Piece) -> None:
        """Called by the loop."""
        self._queue.put(piece)

    def __iter__(self) -> Iterator[str]:
        written = ""
        while not self._ended:
            item = self._queue.get()
            if self._ended:  # closed meanwhile, by another thread
                return
            if item is None or isinstance(item, GenerationError):
                self._ended = True
                self.completion_tokens = self.completion_tokens or self._count(written)
                if item is not None:
                    raise item
                return
            if item.usage is not None:
                self.prompt_tokens, self.completion_tokens = item.usage
            self.finish_reason = item.finish_reason or self.finish_reason
            self.likeliest = self.likeliest or item.likeliest
            if item.text:
                written += item.text
                yield item.text

    def close(self) -> None:
        """Stop writing: the connection is closed at once; harmless when it has ended."""
        self._ended = True
        if self._future is not None:
            self._future.cancel()


class OpenAIGenerator:
    """Asks the servers at `urls` (such as http://127.0.0.1:8001/v1) for answers of `model`.

    Counts are exact with the model's tokenizer; without, they are estimates on the safe side.
    `max_model_len` None takes what the servers tell, once `learn` has asked them.
    """

    def __init__(
        self,
        urls: Sequence[str],
        model: str,
        api_key: str,
        tokenizer: ChatTokenizer | None,
        max_model_len: int | None,
        *,
        limits: Limits | None = None,
        transport: Any = None,
        clock: Callable[[], float] = time.monotonic,
        **waiting: Any,
    ) -> None:
        import httpx

        limits = limits or Limits()
        self.name = model
        self.max_model_len = max_model_len or GUESSED_MODEL_LEN
        self._wanted_len = max_model_len
        self._tokenizer = tokenizer
        self._endpoints = Endpoints(urls, clock)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(None, connect=limits.connect),  # the rest is the asker's
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            transport=transport,
        )
        self._asker = Asker(self._endpoints, self._client, limits, **waiting)
        self._loop = BackgroundLoop("footnote-servers")

    @property
    def state(self) -> Literal["ready", "unreachable"]:
        """Whether there is a server to ask."""
        return "ready" if self._endpoints.is_any_open else "unreachable"

    def servers(self) -> list[dict[str, Any]]:
        """Each server's state, for a program."""
        return [
            {
                "url": shown(one.url),
                "state": one.state,
                "outstanding": one.outstanding,
                "failure": one.failure,
            }
            for one in self._endpoints.all
        ]

    def learn(self) -> None:
        """Ask the servers how long prompts may be; those that do not answer are let be."""

        async def ask_all() -> None:
            for endpoint in self._endpoints.all:
                await self._asker.learn(endpoint)

        if (asked := self._loop.start(ask_all())) is not None:
            try:
                asked.result(LEARN_SECONDS)
            except TimeoutError:
                asked.cancel()
        told = [one.max_model_len for one in self._endpoints.all if one.max_model_len]
        known = min(told, default=self.max_model_len)
        self.max_model_len = min(known, self._wanted_len or known)

    def count_tokens(self, text: str) -> int:
        """Tokens of a bare text."""
        if self._tokenizer is not None:
            return self._tokenizer.count(text)
        num_wide = len(_WIDE.findall(text))
        return num_wide + math.ceil((len(text) - num_wide) / CHARACTERS_PER_TOKEN)

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt, chat template and the answer's opening included."""
        if self._tokenizer is not None:
            return self._tokenizer.count_chat(messages)
        return TOKENS_PER_TURN + sum(
            TOKENS_PER_TURN + self.count_tokens(message.content) for message in messages
        )

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
        schema: Mapping[str, Any] | None = None,
    ) -> OpenAIGeneration:
        """Begin to write an answer; `avoid` counts only where the tokenizer is known.

        With a JSON `schema` the server is asked for JSON that it allows. Raises GenerationError if
        the prompt does not fit.
        """
        body = self._body(messages, max_tokens, temperature)
        if avoid and self._tokenizer is not None:
            body["logit_bias"] = {str(self._tokenizer.encode(avoid)[0]): NEVER}
        if schema is not None:
            shape = {"name": "answer", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        return self._begin(messages, body)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The log-probability that an answer begins as each word does; () if the server tells none.

        A word that is not among the likeliest is as likely as the last of them, or less.
        """
        body = self._body(messages, 1, 0.0) | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        generation = self._begin(messages, body)
        for _ in generation:
            pass
        return _weights(generation.likeliest, words)

    def _begin(self, messages: Sequence[Message], body: dict[str, Any]) -> OpenAIGeneration:
        generation = OpenAIGeneration(self.count_chat_tokens(messages), self.count_tokens)
        asked = self._loop.start(self._asker.ask(body, _key(messages), generation.put))
        if asked is None:
            raise GenerationError(CLOSED)
        generation.begin(asked)
        return generation

    def _body(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        num_tokens = self.count_chat_tokens(messages)
        if num_tokens + max_tokens > self.max_model_len:
            raise UnanswerableError(
                f"The prompt has {num_tokens} tokens and the answer may have {max_tokens}, but "
                f"{self.name} holds {self.max_model_len}. Ask for less, or raise max_model_len."
            )
        return {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def close(self) -> None:
        """Let the connections go; answers under way end with GenerationError."""
        self._loop.close(self._client.aclose)


def _outcome(done: Future[None]) -> GenerationError | None:
    """How the asking ended."""
    if done.cancelled():
        return GenerationError(CLOSED)
    error = done.exception()
    if error is None or isinstance(error, GenerationError):
        return error
    log.error("asking a server failed", exc_info=error)
    return GenerationError(
        f"Asking the language model's server failed ({type(error).__name__}: {error}). "
        "This is a fault of Footnote: please report it."
    )


def _key(messages: Sequence[Message]) -> str:
    """The same for prompts that begin alike, which a server's prefix cache knows."""
    opening = [message.content[:PREFIX_CHARACTERS] for message in messages[:2]]
    return hashlib.sha256("\0".join(opening).encode("utf-8", "replace")).hexdigest()


def _weights(likeliest: Mapping[str, float], words: Sequence[str]) -> tuple[float, ...]:
    """Of the likeliest token that begins each word, or that the word begins."""
    if not likeliest:
        return ()
    tokens = {token.strip(): weight for token, weight in likeliest.items() if token.strip()}
    least = min(likeliest.values())
    return tuple(
        max((tokens[t] for t in tokens if word.startswith(t)), default=least) for word in words
    )
