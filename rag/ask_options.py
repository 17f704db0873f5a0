"""How a question is to be answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from rag.where import Mode, Where


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What an asker may choose for one question. `where` narrows what is searched."""

    mode: Mode = "hybrid"
    where: Where = field(default_factory=Where)


USUAL = AskOptions()
