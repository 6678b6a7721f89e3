"""Whatever happens, the number of series stays small, and each metric says what it is."""

from prometheus_client.parser import text_string_to_metric_families

from krt.core.identity import Rejection
from krt.metrics import Metrics
from krt.serving.denial import Denial


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
