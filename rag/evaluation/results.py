"""What a measurement gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rag.evaluation.measures import PerQuery, means
from rag.evaluation.runs import Run
from rag.metrics import percentile


@dataclass(frozen=True, slots=True)
class Result:
    """What one configuration reached on one collection.

    `seconds` are those of the queries that were timed, the encoder included.
    """

    dataset: str
    configuration: str
    num_documents: int  # in the index
    num_chunks: int
    run: Run
    values: PerQuery
    seconds: list[float]

    def as_json(self) -> dict[str, Any]:
        """The figures, without the queries'."""
        return {
            "dataset": self.dataset,
            "configuration": self.configuration,
            "documents": self.num_documents,
            "chunks": self.num_chunks,
            "queries": len(self.run),
            **{name: round(value, 5) for name, value in means(self.values).items()},
            "p50_ms": round(1000 * percentile(self.seconds, 0.5), 2),
            "p95_ms": round(1000 * percentile(self.seconds, 0.95), 2),
        }
