"""Do the sources answer the question? One probability from all that tells.

A logistic regression over signals that the answer leaves behind anyhow; its weights are fitted by
`python -m bench.refusal`, which also shows what each signal is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """What tells whether the sources answer.

    `look`: the model's log-odds that the quotes answer the question, when it is shown nothing
    else. `near`: the highest cosine of the question with a sentence of the sources. `refused`: it
    refused at first. `supported`: the share of the statements that are borne out.
    """

    look: float
    near: float
    refused: bool
    supported: float

    def features(self) -> tuple[float, ...]:
        """As they are weighed: each about 1 apart between a clear yes and a clear no."""
        return (
            _bounded(self.look / LOOK_SCALE),
            _bounded((self.near - NEAR_MIDDLE) / NEAR_SCALE),
            float(self.refused),
            self.supported,
        )


LOOK_SCALE = 8.0  # log-odds; beyond, the model is no surer
NEAR_MIDDLE, NEAR_SCALE = 0.86, 0.04  # e5's cosines of questions with sentences that answer
WEIGHTS = (2.0, 1.0, -1.0, 0.5)
BIAS = 0.0


def _bounded(value: float) -> float:
    return max(-1.0, min(1.0, value))


def probability(signals: Signals) -> float:
    """That the sources answer the question, from 0 to 1."""
    total = BIAS + sum(w * x for w, x in zip(WEIGHTS, signals.features(), strict=True))
    return 1 / (1 + math.exp(-total))


def answers(signals: Signals) -> bool:
    """Whether the sources more likely answer the question than not."""
    return probability(signals) >= 0.5
