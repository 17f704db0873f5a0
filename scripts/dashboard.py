"""Write deploy/grafana/footnote.json, the dashboard over Footnote's metrics. Standard library only.

Usage: python scripts/dashboard.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "footnote.json"
WIDTH, HEIGHT = 8, 8  # of a panel; a row is 24 wide
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def quantile(share: float, metric: str, by: str, narrowed: str = "") -> str:
    """The query for a quantile of a histogram over five minutes."""
    rate = f"rate(footnote_{metric}_bucket{{{narrowed}}}[5m])"
    return f"histogram_quantile({share}, sum by (le, {by}) ({rate}))"


ANSWERED = 'cache!~"hit|near"'
# Title, unit, and queries with their legends.
PANELS: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "Questions by outcome", "reqps",
        [("sum by (kind, outcome) (rate(footnote_questions_total[5m]))", "{{kind}} {{outcome}}")],
    ),
    (
        "Fresh answers: half are faster", "s",
        [(quantile(0.5, "answer_seconds", "stage", ANSWERED), "{{stage}}")],
    ),
    (
        "Fresh answers: 95 in 100 are faster", "s",
        [(quantile(0.95, "answer_seconds", "stage", ANSWERED), "{{stage}}")],
    ),
    (
        "Search by step, 95 in 100 are faster", "s",
        [(quantile(0.95, "search_seconds", "step"), "{{step}}")],
    ),
    ("Answers under way", "short", [("sum(footnote_active_answers)", "active")]),
    (
        "Tokens a second", "short",
        [("sum by (kind) (rate(footnote_tokens_total[5m]))", "{{kind}}")],
    ),
    (
        "From the cache", "percentunit",
        [(
            'sum(rate(footnote_cache_lookups_total{result=~"hit|near"}[15m]))'
            " / sum(rate(footnote_cache_lookups_total[15m]))",
            "share",
        )],
    ),
    (
        "What was lost", "short",
        [
            ("sum(increase(footnote_cache_failures_total[1h]))", "cache failures"),
            ("sum(increase(footnote_limits_failures_total[1h]))", "failures of shared limits"),
            ("sum(increase(footnote_audit_lost_total[1h]))", "audit entries"),
        ],
    ),
    (
        "Index", "short",
        [
            ("footnote_index_documents", "documents"),
            ("footnote_index_chunks", "passages"),
            ("footnote_index_failed_documents", "files not read"),
            ("rate(footnote_index_changes[5m]) * 60", "changes a minute"),
        ],
    ),
    (
        "Since", "s",
        [
            ("time() - (footnote_last_sync_timestamp_seconds > 0)", "the last sync"),
            ("time() - (footnote_last_change_timestamp_seconds > 0)", "the newest document"),
        ],
    ),
    (
        "State", "short",
        [
            ("footnote_engine_state == 1", "model {{state}}"),
            ("footnote_index_readable", "index readable"),
        ],
    ),
    (
        "Process", "bytes",
        [("process_resident_memory_bytes{job=~\"footnote.*\"}", "memory")],
    ),
]  # fmt: skip


def panel(number: int, title: str, unit: str, queries: list[tuple[str, str]]) -> dict[str, Any]:
    """One time series, three in a row."""
    place = {"x": number % 3 * WIDTH, "y": number // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(65 + n), "datasource": DATASOURCE, "expr": query, "legendFormat": legend}
            for n, (query, legend) in enumerate(queries)
        ],
    }


def dashboard() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    return {
        "uid": "footnote",
        "title": "Footnote",
        "tags": ["footnote"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [panel(number, *one) for number, one in enumerate(PANELS)],
    }


def main() -> None:
    """Write the file."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(dashboard(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
