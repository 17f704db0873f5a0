"""A language model behind any server that speaks OpenAI's chat completions, such as vLLM's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag.errors import GenerationError
from rag.tokens import ChatTokenizer
from rag.types import Message
from rag.words import UNSPACED

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 300.0  # a long prompt may wait that long for its first word
CHARACTERS_PER_TOKEN = 3.0  # a cautious estimate: running text in Latin script has about four
TOKENS_PER_TURN = 8
TOP_LOGPROBS = 20  # as many as servers tell
NEVER = -100  # the bias of a token that is not to be written
_WIDE = re.compile(f"[{UNSPACED}]")


class OpenAIGeneration:
    """One answer under way, as server-sent events."""

    def __init__(self, client: Any, url: str, body: dict[str, Any], prompt_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.likeliest: dict[str, float] = {}  # log-probabilities of the first token, if asked for
        self._client = client
        self._url = url
        self._body = body
        self._response: Any = None
        self._closed = False

    def __iter__(self) -> Iterator[str]:
        import httpx

        if self._closed:
            return
        try:
            with self._client.stream("POST", self._url, json=self._body) as response:
                self._response = response
                if response.status_code != 200:
                    response.read()
                    raise GenerationError(_refused(self._url, response))
                yield from self._texts(response)
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._closed:
                return
            raise GenerationError(
                f"The language model's server {self._url} failed ({type(error).__name__}: "
                f"{error}). Check that it runs, and the generator setting."
            ) from error

    def _texts(self, response: Any) -> Iterator[str]:
        num_pieces = 0
        for line in response.iter_lines():
            if self._closed:
                return
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            event = _parse(data, self._url)
            if usage := event.get("usage"):
                self.prompt_tokens = int(usage["prompt_tokens"])
                self.completion_tokens = int(usage["completion_tokens"])
            for choice in event.get("choices", ()):
                self.finish_reason = choice.get("finish_reason") or self.finish_reason
                if not self.likeliest and (told := (choice.get("logprobs") or {}).get("content")):
                    self.likeliest = {t["token"]: t["logprob"] for t in told[0]["top_logprobs"]}
                if text := (choice.get("delta") or {}).get("content"):
                    num_pieces += 1
                    yield text
        if self.finish_reason is None:
            raise GenerationError(f"The answer of {self._url} broke off. Ask again.")
        self.completion_tokens = self.completion_tokens or num_pieces

    def close(self) -> None:
        """Stop writing; harmless when it has ended."""
        self._closed = True
        if self._response is not None:
            self._response.close()


class OpenAIGenerator:
    """Asks the server at `url` (such as http://127.0.0.1:8001/v1) for answers of `model`.

    Counts are exact with the model's tokenizer; without, they are estimates on the safe side.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str,
        tokenizer: ChatTokenizer | None,
        max_model_len: int,
        *,
        transport: Any = None,
    ) -> None:
        import httpx

        self.name = model
        self.max_model_len = max_model_len
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._tokenizer = tokenizer
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
        )

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
        num_tokens = self.count_chat_tokens(messages)
        return OpenAIGeneration(self._client, self._url, body, num_tokens)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The log-probability that an answer begins as each word does; () if the server tells none.

        A word that is not among the likeliest is as likely as the last of them, or less.
        """
        body = self._body(messages, 1, 0.0) | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        generation = OpenAIGeneration(self._client, self._url, body, 0)
        for _ in generation:
            pass
        return _weights(generation.likeliest, words)

    def _body(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        num_tokens = self.count_chat_tokens(messages)
        if num_tokens + max_tokens > self.max_model_len:
            raise GenerationError(
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
        self._client.close()


def _weights(likeliest: Mapping[str, float], words: Sequence[str]) -> tuple[float, ...]:
    """Of the likeliest token that begins each word, or that the word begins."""
    if not likeliest:
        return ()
    tokens = {token.strip(): weight for token, weight in likeliest.items() if token.strip()}
    least = min(likeliest.values())
    return tuple(
        max((tokens[t] for t in tokens if word.startswith(t)), default=least) for word in words
    )


def _parse(data: str, url: str) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise GenerationError(f"{url} sent {data[:80]!r}, which is not JSON.") from error
    if problem := event.get("error"):
        raise GenerationError(f"{url} failed while writing: {problem}")
    return event


def _refused(url: str, response: Any) -> str:
    cure = {
        401: "Set api_key.",
        403: "Check api_key.",
        404: "Check the URL and generator_model.",
        429: "It has too much to do; ask again later.",
    }.get(response.status_code, "Its log says more.")
    return f"{url} answered {response.status_code} ({response.text[:200].strip()}). {cure}"
