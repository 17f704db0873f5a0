"""Do the sources answer the question? A probability from what the answer leaves behind.

A logistic regression whose weights are fitted by `python -m bench.refusal --fit`. The model's word
on its second look is yes nearly always; how sure it is of it tells much more. The other signals add
nothing so far (bench/LOG.md); they are kept for a fit to more questions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """What may tell whether the sources answer.

    `look`: the model's log-odds that the quotes answer the question, when it is shown nothing
    else. `near`: the highest cosine of the question with a sentence of the sources. `refused`: it
    refused at first. `supported`: the share of the statements that are borne out.
    """

    look: float
    near: float
    refused: bool
    supported: float

    def features(self) -> tuple[float, ...]:
        """What is weighed, each from -1 to 1."""
        return (_bounded((self.look - LOOK_MIDDLE) / LOOK_SCALE),)


LOOK_MIDDLE, LOOK_SCALE = 0.5, 2.0  # log-odds; a wrong answer gets a weak yes
WEIGHTS = (2.32,)
BIAS = -0.30
ENOUGH = 0.4  # probability; to deny a right answer is worse than to doubt a wrong one too late
QUOTED = 0.5  # of a sentence that is quoted where the model refused: likelier than not


def _bounded(value: float) -> float:
    return max(-1.0, min(1.0, value))


def probability(signals: Signals) -> float:
    """That the sources answer the question, from 0 to 1."""
    total = BIAS + sum(w * x for w, x in zip(WEIGHTS, signals.features(), strict=True))
    return 1 / (1 + math.exp(-total))


def answers(signals: Signals, least: float = ENOUGH) -> bool:
    """Whether the sources are likely enough to answer the question."""
    return probability(signals) >= least
