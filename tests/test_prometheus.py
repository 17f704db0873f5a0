from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from rag.audit import Entry
from rag.config import Settings
from rag.prometheus import ENGINE_STATES, Condition, Metrics

REPOSITORY = Path(__file__).resolve().parent.parent
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "footnote.json"
CONDITION = Condition(
    documents=3, chunks=9, failures=1, changes=12, changed_at=1e9, synced_at=2e9, engine="ready"
)


def samples(metrics: Metrics) -> dict[str, float]:
    from prometheus_client.parser import text_string_to_metric_families

    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    return {
        sample.name + str(dict(sorted(sample.labels.items())) or ""): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def entry(**changed: object) -> Entry:
    given: dict[str, object] = {
        "kind": "ask", "question": "q", "client": "api", "outcome": "answered", "cache": "miss",
        "ms": {"first_source": 20.0, "first_token": 900.0, "total": 3000.0},
        "prompt_tokens": 100, "completion_tokens": 20,
    }  # fmt: skip
    return Entry(**(given | changed))  # type: ignore[arg-type]


def test_what_is_observed() -> None:
    metrics = Metrics(lambda: CONDITION, "1.2")
    metrics.observe(entry(), {"total": 15.0, "dense": 5.0})
    metrics.observe(entry(kind="search", outcome="found", cache="off", ms={"total": 9.0}), {})
    with metrics.answering():
        assert samples(metrics)["footnote_active_answers"] == 1
    metrics.cache_failed()
    metrics.limits_failed()
    metrics.lose(2)
    found = samples(metrics)
    labels = {"client": "api", "kind": "ask", "outcome": "answered"}
    assert found[f"footnote_questions_total{labels}"] == 1
    stage = {"cache": "miss", "stage": "first_token"}
    assert found[f"footnote_answer_seconds_sum{stage}"] == pytest.approx(0.9)
    assert found["footnote_answer_seconds_count{'cache': 'miss', 'stage': 'total'}"] == 1
    assert found["footnote_search_seconds_sum{'step': 'dense'}"] == pytest.approx(0.005)
    assert found["footnote_tokens_total{'kind': 'prompt'}"] == 200
    assert found["footnote_cache_lookups_total{'kind': 'ask', 'result': 'miss'}"] == 1
    assert not [name for name in found if "'kind': 'search', 'result'" in name]
    assert (found["footnote_cache_failures_total"], found["footnote_audit_lost_total"]) == (1, 2)
    assert found["footnote_limits_failures_total"] == 1
    assert found["footnote_build_info{'version': '1.2'}"] == 1
    assert found["footnote_active_answers"] == 0


def test_the_condition() -> None:
    found = samples(Metrics(lambda: CONDITION, "1"))
    assert found["footnote_index_documents"] == 3 and found["footnote_index_chunks"] == 9
    assert found["footnote_last_sync_timestamp_seconds"] == 2e9
    states = {
        state: found[f"footnote_engine_state{{'state': '{state}'}}"] for state in ENGINE_STATES
    }
    assert states.pop("ready") == 1 and set(states.values()) == {0}


def test_an_index_that_cannot_be_read_is_said_and_the_rest_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> Condition:
        raise OSError("gone")

    found = samples(Metrics(fail, "1"))
    assert found["footnote_index_readable"] == 0 and found["footnote_active_answers"] == 0
    assert "footnote_index_documents" not in found and "cannot be read" in caplog.text


def test_two_programs_in_one_process_do_not_share_counts() -> None:
    one, other = Metrics(lambda: CONDITION, "1"), Metrics(lambda: CONDITION, "1")
    one.cache_failed()
    assert samples(other)["footnote_cache_failures_total"] == 0


def test_the_dashboard_names_what_there_is() -> None:
    metrics = Metrics(lambda: CONDITION, "1")
    metrics.observe(entry(), {"total": 1.0})
    names = {name.partition("{")[0] for name in samples(metrics)}
    queries = re.findall(r'"expr": "(.*)"', DASHBOARD.read_text("utf-8"))
    named = {name for query in queries for name in re.findall(r"\b(?:footnote|process)_\w+", query)}
    assert len(queries) > 10 and named <= names, named - names
    told = {name for name in names if name.startswith("footnote_")}
    unseen = {
        name for name in told - named
        if not name.endswith(("_created", "_sum", "_count", "_bucket", "_info"))
    }  # fmt: skip
    assert unseen == set()


def test_the_labels_in_the_dashboard_exist() -> None:
    metrics = Metrics(lambda: CONDITION, "1")
    metrics.observe(entry(), {"total": 1.0})
    text = metrics.exposition()[0].decode()
    queries = re.findall(r'"expr": "(.*)"', DASHBOARD.read_text("utf-8"))
    labels = {one for query in queries for one in re.findall(r"(\w+)(?:!~|=~|!=|=)\\\"", query)}
    grouped = {
        one
        for query in queries
        for by in re.findall(r"by \((.*?)\)", query)
        for one in by.split(", ")
    }
    assert {"stage", "kind"} <= grouped
    for label in (labels | grouped) - {"job"}:
        assert f'{label}="' in text, label


def test_the_dashboard_is_what_the_script_writes() -> None:
    made = runpy.run_path(str(REPOSITORY / "scripts" / "dashboard.py"))["dashboard"]()
    assert json.loads(DASHBOARD.read_text("utf-8")) == made


def test_prometheus_is_told_where_footnote_listens_by_default() -> None:
    yaml = pytest.importorskip("yaml")
    (job,) = yaml.safe_load((REPOSITORY / "deploy" / "prometheus.yml").read_text())[
        "scrape_configs"
    ]
    port = Settings.model_fields["port"].default
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{port}"]}]
