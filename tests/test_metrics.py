"""Whatever happens, the number of series stays small, and each metric says what it is."""

import math
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from krt.core.app_secrets.decision import DeliveryCause, LinkState
from krt.core.caller.identity import Rejection
from krt.core.restart.outcome import Outcome
from krt.metrics import Metrics
from krt.metrics.controller import ENDS, STATES
from krt.metrics.secrets import CAUSES, LINK_STATES
from krt.metrics.worker import EVENTS, MESSAGES, RESTARTS, RETRIES, WATCH_ENDS
from krt.serving.denial import Denial

DOCUMENT = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")


def a_whole_process() -> Metrics:
    """One with the figures of all roles."""
    metrics = Metrics()
    metrics.web.watch_keys(count=lambda: 4, age_seconds=lambda: float("inf"), fetches={})
    metrics.worker.watch_worker(in_hand=lambda: 3, waiting=lambda: 2, stalled=lambda: 41.5)
    metrics.worker.watch_index(workloads=lambda: 200, watch_ends=lambda: {"ended": 7})
    metrics.controller.watch_leader("bundles", leads=lambda: True, retrying=lambda: 1)
    metrics.secrets.watch_deployments(lambda: {"Delivered": 4})
    metrics.controller.watch_bundles(deployments=lambda: {"failing": 2}, bundles=lambda: {"Unpacked": 3})
    return metrics


def samples(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_each_fact_is_counted_under_its_code() -> None:
    metrics = Metrics()
    for reason in Rejection:
        metrics.web.request_ended(path="event", status=401, reason=reason, seconds=0.001)
    for denial in Denial:
        metrics.web.denied(denial)
    metrics.web.event(again=False, receivers=0)
    metrics.web.event(again=False, receivers=None)
    metrics.web.event(again=False, receivers=2)
    metrics.web.event(again=True, receivers=0)
    metrics.web.connections_open(7)
    found = samples(metrics)
    assert found["krt_requests_total"]["event", "unknown_key", "401"] == 1
    assert len(found["krt_transport_denials_total"]) == len(Denial)
    assert found["krt_events_total"] == {("accepted",): 3, ("repeated",): 1}
    assert found["krt_events_unheard_total"][()] == 2
    assert found["krt_connections_open"][()] == 7
    assert found["krt_build_info"]


def test_the_keys_are_looked_at_when_prometheus_asks() -> None:
    metrics, fetches = Metrics(), {"ok": 1}
    metrics.web.watch_keys(count=lambda: 4, age_seconds=lambda: float("inf"), fetches=fetches)
    fetches["too_slow"] = 2
    found = samples(metrics)
    assert found["krt_keys"][()] == 4
    assert found["krt_keys_age_seconds"][()] == float("inf")
    assert found["krt_key_fetches_total"] == {("ok",): 1, ("too_slow",): 2}


def test_two_processes_in_one_do_not_share_their_counts() -> None:
    one, other = Metrics(), Metrics()
    one.web.denied("crashed")
    assert "krt_transport_denials_total" not in samples(other)


def test_every_metric_is_documented_with_its_type_and_every_documented_one_is_there() -> None:
    exposed = re.findall(r"^# TYPE (krt_\w+) (\w+)$", a_whole_process().exposition().decode(), re.MULTILINE)
    assert sorted(re.findall(r"^\| `(krt_\w+)` \| (\w+) \|", DOCUMENT, re.MULTILINE)) == sorted(exposed)


@pytest.mark.parametrize(
    ("metric", "label", "values"),
    [
        ("krt_events_settled_total", "outcome", EVENTS),
        ("krt_restarts_total", "outcome", RESTARTS),
        ("krt_restart_retries_total", "reason", RETRIES),
        ("krt_messages_total", "outcome", MESSAGES),
        ("krt_watch_restarts_total", "reason", WATCH_ENDS),
        ("krt_bundle_deployments", "state", STATES),
        ("krt_bundle_installs_total", "end", ENDS),
        ("krt_secret_deliveries_total", "cause", CAUSES),
        ("krt_secret_deployments", "state", LINK_STATES),
    ],
)
def test_every_value_of_a_workers_labels_is_documented_and_there_from_the_start(
    metric: str, label: str, values: tuple[str, ...]
) -> None:
    own_rows = DOCUMENT.partition(f"| `{label}` of `{metric}` ")[2].partition("\n| `")[0]
    assert tuple(re.findall(r"(?:^|\n\| )\| `(\w+)` \|", own_rows)) == values
    assert set(samples(a_whole_process())[metric]) == {(value,) for value in values}


def test_every_cause_and_state_of_app_secrets_is_counted() -> None:
    assert {cause.value for cause in DeliveryCause} == set(CAUSES)
    assert {state.value for state in LinkState} == set(LINK_STATES)


def test_a_workload_can_end_in_no_way_that_is_not_counted() -> None:
    assert {kind.label for kind in get_args(Outcome)} == set(RESTARTS)


def test_what_a_worker_holds_is_looked_at_when_prometheus_asks() -> None:
    found = samples(a_whole_process())
    held = [found[name][()] for name in ("krt_entries_in_hand", "krt_workloads_waiting", "krt_stalled_seconds")]
    assert held == [3, 2, 41.5]
    assert found["krt_index_workloads"][()] == 200
    assert found["krt_watch_restarts_total"] == {("ended",): 7, ("expired",): 0, ("denied",): 0, ("failed",): 0}


def test_what_nobody_knows_is_nan_and_not_the_last_that_was_known() -> None:
    metrics = Metrics()
    names = ("krt_journal_entries", "krt_backlog_events", "krt_backlog_oldest_seconds")
    assert math.isnan(samples(metrics)["krt_journal_durable"][()])
    metrics.worker.journal_seen(entries=9, unsettled=4, oldest_seconds=1.5)
    metrics.journal_durable(True)
    found = samples(metrics)
    assert [found[name][()] for name in (*names, "krt_journal_durable")] == [9, 4, 1.5, 1]
    metrics.worker.journal_unknown()
    assert all(math.isnan(samples(metrics)[name][()]) for name in names)


def test_a_process_shows_the_figures_of_its_own_roles_alone() -> None:
    assert set(samples(Metrics())) >= {"krt_build_info", "krt_journal_durable"}
    metrics = Metrics()
    assert metrics.worker
    assert not any(name.startswith(("krt_request", "krt_connections")) for name in samples(metrics))
