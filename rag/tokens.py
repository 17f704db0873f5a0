"""Exact token counts with tiktoken, from a model folder's own vocabulary and chat template."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from rag.errors import ModelError
from rag.token_counts import LINE_PATTERNS, TokenCounter
from rag.types import Message

Encode = Callable[[str], list[int]]

NUM_BYTES = 256
_SLOT = "\ue0f0{}\ue0f1"  # private-use characters hold a message's place in the template
_SLOTS = re.compile("\ue0f0(\\d+)\ue0f1")


class ChatTokenizer:
    """Turns text and chats into the ids that the model sees.

    What stands in a message is always text: `<|im_end|>` in a document does not end a turn.
    Where a text is no valid Unicode, a pair of surrogates is the character that it stands for, and
    a lone one is U+FFFD. With `splits_lines` long texts are counted by paragraphs, which is as
    exact (see TokenCounter).
    """

    def __init__(
        self,
        encode: Encode,
        template: str,
        special_ids: dict[str, int],
        *,
        splits_lines: bool = False,
    ) -> None:
        self._encode_valid = encode
        self._counter = TokenCounter(self._encode, splits_lines=splits_lines)
        self._special_ids = special_ids
        self._special = re.compile(
            "|".join(map(re.escape, sorted(special_ids, key=len, reverse=True))) or r"(?!)"
        )
        self._template = _compile(template)

    @classmethod
    def from_folder(cls, folder: str) -> ChatTokenizer:
        """Read `tokenizer.json` and the chat template. Raises ModelError if either is missing."""
        path = Path(folder)
        try:
            tokenizer: dict[str, Any] = json.loads((path / "tokenizer.json").read_text("utf-8"))
            template, names = _template(path)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{folder} has no usable tokenizer.json and chat template ({error}). "
                "Give a chat model's folder, or delete it from the cache to fetch it again."
            ) from error
        added = {token["content"]: int(token["id"]) for token in tokenizer["added_tokens"]}
        encode = _tiktoken(tokenizer)
        splits_lines = encode is not None and _split_pattern(tokenizer) in LINE_PATTERNS
        encode = encode or _transformers(folder)
        return cls(encode, names + template, added, splits_lines=splits_lines)

    def encode(self, text: str) -> list[int]:
        """The ids of a bare text; special tokens in it are spelled out."""
        return self._encode(text)

    def count(self, text: str) -> int:
        """How many tokens a bare text has; what was counted before is remembered."""
        return self._counter.count(text)

    def encode_chat(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a whole prompt, the answer's opening included."""
        ids: list[int] = []
        for text, special in self._pieces(messages):
            ids += self._encode(text) if text else []
            ids += [special] if special is not None else []
        return ids

    def count_chat(self, messages: Sequence[Message]) -> int:
        """How many tokens a whole prompt has; what was counted before is remembered."""
        pieces = self._pieces(messages)
        return sum(self._counter.count(text) + (special is not None) for text, special in pieces)

    def _pieces(self, messages: Sequence[Message]) -> Iterator[tuple[str, int | None]]:
        """The text before each special token of the template, and that token; at last None."""
        slots = [{"role": m.role, "content": _SLOT.format(i)} for i, m in enumerate(messages)]
        rendered = self._template.render(messages=slots, add_generation_prompt=True, tools=None)
        position = 0
        for found in self._special.finditer(rendered):
            yield (
                self._fill(rendered[position : found.start()], messages),
                self._special_ids[found.group()],
            )
            position = found.end()
        yield self._fill(rendered[position:], messages), None

    def _fill(self, piece: str, messages: Sequence[Message]) -> str:
        return _SLOTS.sub(lambda found: messages[int(found[1])].content, piece)

    def _encode(self, text: str) -> list[int]:
        return self._encode_valid(valid_unicode(text))


def valid_unicode(text: str) -> str:
    """A pair of surrogates made the character that it stands for, a lone one U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _template(path: Path) -> tuple[str, str]:
    """The chat template, and statements that set the token names which templates use."""
    settings: dict[str, Any] = json.loads((path / "tokenizer_config.json").read_text("utf-8"))
    file = path / "chat_template.jinja"
    template = file.read_text("utf-8") if file.exists() else settings["chat_template"]
    names = ""
    for name in ("bos_token", "eos_token"):
        value = settings.get(name) or ""
        text = value["content"] if isinstance(value, dict) else value
        names += f"{{%- set {name} = {json.dumps(text)} -%}}"
    return str(template), names


def _compile(template: str) -> Any:
    """As transformers does it: a sandbox, trimmed blocks, and the helpers that templates call."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def fail(message: str) -> None:
        raise ModelError(f"The model's chat template refuses the conversation: {message}")

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = fail
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(template)


def _tiktoken(tokenizer: dict[str, Any]) -> Encode | None:
    """The encoder of a byte-level BPE whose ids are its merge ranks, as Qwen's; None of others."""
    model, pattern = tokenizer["model"], _split_pattern(tokenizer)
    ranks = _ranks(model) if model["type"] == "BPE" and pattern else None
    if ranks is None or (tokenizer["normalizer"] or {}).get("type") not in (None, "NFC"):
        return None
    import tiktoken

    encoding = tiktoken.Encoding(
        name="footnote", pat_str=pattern or "", mergeable_ranks=ranks, special_tokens={}
    )
    if tokenizer["normalizer"] is None:
        return encoding.encode_ordinary
    return lambda text: encoding.encode_ordinary(unicodedata.normalize("NFC", text))


def _split_pattern(tokenizer: dict[str, Any]) -> str | None:
    steps = (tokenizer["pre_tokenizer"] or {}).get("pretokenizers", [])
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return None
    split, levels = steps
    if split["behavior"] != "Isolated" or split["invert"] or levels["add_prefix_space"]:
        return None
    pattern: str | None = split["pattern"].get("Regex")
    return pattern


def _ranks(model: dict[str, Any]) -> dict[bytes, int] | None:
    """Byte strings to ids, if merging by id equals merging by the list of merges."""
    to_byte = _byte_letters()
    try:
        ranks = {bytes(to_byte[c] for c in piece): id_ for piece, id_ in model["vocab"].items()}
    except KeyError:
        return None  # pieces that are no spelled-out bytes
    merged = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
    ids = [model["vocab"]["".join(pair)] for pair in merged]
    in_order = all(before < after for before, after in pairwise(ids))
    is_whole = all(bytes([value]) in ranks for value in range(NUM_BYTES))
    return ranks if in_order and is_whole and len(ranks) == len(ids) + NUM_BYTES else None


def _byte_letters() -> dict[str, int]:
    """The letters that spell bytes in GPT-2's vocabulary files (Radford et al. 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(value): value for value in printable}
    others = [value for value in range(NUM_BYTES) if value not in printable]
    return letters | {chr(NUM_BYTES + i): value for i, value in enumerate(others)}


def _transformers(folder: str) -> Encode:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(text: str) -> list[int]:
        found = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return list(found["input_ids"])

    return encode
