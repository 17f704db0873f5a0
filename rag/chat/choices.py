"""What someone chose in the page's settings, checked: what comes from a browser may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rag.ask_options import AskOptions
from rag.errors import SearchError
from rag.language import find_language
from rag.scopes import Scope, check_scope
from rag.types import Answer
from rag.where import Mode, check_mode

ANSWER, SEARCH = "answer", "search"  # what is made of a question
MAX_TOP_K = 50
MAX_TEMPERATURE = 1.5
QUESTION = "question"  # in place of a language: that of the question
AGAIN_TEMPERATURE = 0.6  # of another try; at 0 it would be the same answer


@dataclass(frozen=True, slots=True)
class Choices:
    """How questions are answered. `language` is a code, or "" for the question's own."""

    mode: Mode = "hybrid"
    scope: Scope = "auto"
    top_k: int = 10
    language: str = ""
    temperature: float = 0.0
    general: bool = False

    def changed(self, values: Mapping[str, Any]) -> Choices:
        """With what of the values can be; the rest stays as it was."""
        own = self
        for name, check in _CHECKS.items():
            if (value := values.get(name)) is not None:
                try:
                    change: dict[str, Any] = {name: check(value)}
                    own = replace(own, **change)
                except (SearchError, TypeError, ValueError, OverflowError):
                    continue
        return own

    def values(self) -> dict[str, Any]:
        """As the panel shows them."""
        return {
            "mode": self.mode,
            "scope": self.scope,
            "top_k": self.top_k,
            "language": self.language or QUESTION,
            "temperature": self.temperature,
            "general": self.general,
        }

    def options(self, previous: Answer | None = None, *, again: bool = False) -> AskOptions:
        """For one question; asked `again`, another wording is wanted."""
        heat = max(self.temperature, AGAIN_TEMPERATURE) if again else self.temperature
        return AskOptions(
            mode=self.mode,
            scope=self.scope,
            previous=previous,
            general=self.general,
            top_k=self.top_k,
            temperature=heat,
            language=self.language,
        )


def _language(value: Any) -> str:
    if value == QUESTION:
        return ""
    code = find_language(str(value))
    if code is None:
        raise ValueError(value)
    return code


def _top_k(value: Any) -> int:
    return min(max(int(value), 1), MAX_TOP_K)


def _temperature(value: Any) -> float:
    if not 0 <= float(value) <= MAX_TEMPERATURE:  # not a number is not within, either
        raise ValueError(value)
    return float(value)


def _general(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


_CHECKS = {
    "mode": check_mode,
    "scope": check_scope,
    "top_k": _top_k,
    "language": _language,
    "temperature": _temperature,
    "general": _general,
}
