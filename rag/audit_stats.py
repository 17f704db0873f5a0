"""What the audit log tells of some days: how many questions, how well, how fast, of what."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

TIMES = ("first_source", "first_token", "total")
NUM_TOP = 10
NUM_SLOWEST = 5


def summarize(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts, percentiles in milliseconds, tokens, cache, documents and the slowest questions."""
    counts = {"ask": Counter[str](), "search": Counter[str]()}
    clients, cache, documents, models = (
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
    )
    times: defaultdict[str, list[float]] = defaultdict(list)
    searches: list[float] = []
    tokens = Counter[str]()
    slowest: list[dict[str, Any]] = []
    lost = 0
    for entry in entries:
        counts[entry["kind"]][entry["outcome"]] += 1
        clients[entry["client"]] += 1
        cache[entry["cache"]] += 1
        lost += entry.get("lost_before", 0)
        documents.update({source["path"] for source in _used(entry)})
        if entry["kind"] == "search":
            searches += [entry["ms"]["total"]] if "total" in entry["ms"] else []
            continue
        models.update([entry["model"]] if entry["model"] else [])
        tokens.update(prompt=entry["prompt_tokens"], completion=entry["completion_tokens"])
        for name in TIMES:
            if name in entry["ms"]:
                times[name].append(entry["ms"][name])
        if entry["outcome"] in ("answered", "refused"):
            slowest = _slower([*slowest, entry])
    looked = cache["hit"] + cache["near"] + cache["miss"]
    return {
        "questions": counts["ask"].total(),
        **{name: counts["ask"][name] for name in ("answered", "refused", "failed", "stopped")},
        "searches": counts["search"].total(),
        "failed_searches": counts["search"]["failed"],
        "clients": dict(clients.most_common()),
        "models": dict(models.most_common()),
        "ms": {name: _percentiles(times[name]) for name in TIMES}
        | {"search": _percentiles(searches)},
        "tokens": {name: tokens[name] for name in ("prompt", "completion")},
        "cache": {
            **{name: cache[name] for name in ("hit", "near", "miss", "off")},
            "hit_rate": (cache["hit"] + cache["near"]) / looked if looked else None,
        },
        "top_documents": [
            {"path": path, "questions": count} for path, count in documents.most_common(NUM_TOP)
        ],
        "slowest": [
            {"question": one["question"], "ms": one["ms"]["total"], "time": one["time"]}
            for one in slowest
        ],
        "lost": lost,
    }


def _used(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """What an answer cites; of a search, what it found."""
    if entry["kind"] == "search":
        return list(entry["sources"])
    return [source for source in entry["sources"] if source.get("cited")]


def _slower(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda one: -one["ms"]["total"])[:NUM_SLOWEST]


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """The values that half, and 95 in 100, do not exceed (nearest rank)."""
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
