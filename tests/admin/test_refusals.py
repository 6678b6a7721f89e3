"""How refusals pass from the metrics of a process to its page."""

import pytest
import trio

from krt.admin.refusals import MINUTES, RefusalCount, Refusals
from krt.metrics import Metrics


@pytest.fixture
def metrics():
    return Metrics()


def refuse(
    metrics: Metrics, status: int = 401, reason: str = "unknown_key", *, times: int = 1, path: str = "event"
) -> None:
    for _ in range(times):
        metrics.web.request_ended(path=path, status=status, reason=reason, seconds=0.001)


def newest(row: RefusalCount) -> tuple[int, ...]:
    return row.minutes[-3:]


def test_what_was_answered_well_is_no_refusal(metrics):
    refusals = Refusals(metrics)
    refuse(metrics, 202, "accepted")
    refuse(metrics, 0, "cut")
    assert refusals.rows() == ()


def test_a_refusal_is_there_at_once_in_the_newest_minute(metrics):
    refusals = Refusals(metrics)
    refuse(metrics, times=2)
    (row,) = refusals.rows()
    assert (row.reason, row.what, row.total) == ("unknown_key", "request: 401", 2)
    assert row.minutes == (0,) * (MINUTES - 1) + (2,)


def test_kinds_of_path_are_counted_together_and_what_never_was_a_request_too(metrics):
    refusals = Refusals(metrics)
    refuse(metrics, path="event")
    refuse(metrics, path="report")
    metrics.web.denied("head-too-slow")
    assert [(row.reason, row.what, row.total) for row in refusals.rows()] == [
        ("unknown_key", "request: 401", 2),
        ("head-too-slow", "connection", 1),
    ]


async def test_minutes_pass(metrics, nursery, autojump_clock):
    refusals = Refusals(metrics)
    nursery.start_soon(refusals.keep)
    refuse(metrics, times=3)
    await trio.sleep(61)
    refuse(metrics, times=1)
    assert newest(refusals.rows()[0]) == (0, 3, 1)
    await trio.sleep(60)
    assert newest(refusals.rows()[0]) == (3, 1, 0)


async def test_after_an_hour_only_the_total_remains(metrics, nursery, autojump_clock):
    refusals = Refusals(metrics)
    nursery.start_soon(refusals.keep)
    refuse(metrics, times=3)
    await trio.sleep(60 * (MINUTES - 1) + 1)
    assert refusals.rows()[0].minutes[0] == 3
    await trio.sleep(60)
    assert (sum(refusals.rows()[0].minutes), refusals.rows()[0].total) == (0, 3)


def test_what_occurs_most_stands_first(metrics):
    refusals = Refusals(metrics)
    refuse(metrics, 403, "not-allowed", times=2)
    refuse(metrics, 429, "too-many-calls", times=3)
    assert [row.reason for row in refusals.rows()] == ["too-many-calls", "not-allowed"]


def test_what_a_worker_refuses_is_counted_too(metrics):
    """By its own counters; what went well, and what has not occurred, is not shown."""
    refusals = Refusals(metrics)
    metrics.worker.messages("adopted", 2)
    metrics.worker.messages("refused")
    metrics.worker.event_settled("expired")
    metrics.worker.workload_settled("failed")
    assert [(row.reason, row.what, row.total) for row in refusals.rows()] == [
        ("expired", "event", 1),
        ("failed", "restart", 1),
        ("refused", "message", 1),
    ]
