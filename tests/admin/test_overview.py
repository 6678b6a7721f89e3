"""The numbers at the head of the page."""

import pytest

from krt.admin.overview import HOUR_SECONDS, LastHour, last_hour
from krt.core.announce.event_id import EventId
from krt.core.report.report_document import Document, ListedCluster, ListedTarget

NOW = 1_795_176_000.0


def at(seconds_ago: float) -> EventId:
    return EventId(round((NOW - seconds_ago) * 1000), 0)


def an_event(state: str = "ready", *targets: ListedTarget, more: int = 0) -> Document:
    return Document("1-0", state, targets=targets, clusters=(ListedCluster("default", "settled", more=more),))


def a_target(name: str, state: str = "ready", *, cluster: str = "default") -> ListedTarget:
    return ListedTarget(cluster, "Deployment", "shop", name, state)


def numbers(*documents: Document, seconds_ago: float = 60, has_older: bool = False) -> LastHour:
    events = {at(seconds_ago + number): document for number, document in enumerate(documents)}
    return last_hour(events, now=NOW, has_older=has_older)


def test_nothing_happened() -> None:
    assert numbers() == LastHour()


def test_events_are_counted_by_what_became_of_them() -> None:
    states = ["ready", "failed", "expired", "rolling", "accepted", "no_match", "done"]
    hour = numbers(*map(an_event, states))
    assert (hour.events, hour.failed, hour.under_way) == (7, 2, 2)


def test_a_workload_that_two_events_restarted_is_counted_once_and_one_of_another_cluster_besides() -> None:
    both = an_event("ready", a_target("web"), a_target("web", cluster="eu"))
    assert numbers(both, an_event("rolling", a_target("web", "progressing"))).restarted == 2


@pytest.mark.parametrize("state", ["skipped", "waiting", "would_restart", "failed"])
def test_a_workload_that_was_not_restarted_is_not_counted(state: str) -> None:
    assert numbers(an_event("ready", a_target("web", state))).restarted == 0


@pytest.mark.parametrize(("seconds_ago", "count"), [(0, 1), (HOUR_SECONDS, 1), (HOUR_SECONDS + 1, 0), (-5, 1)])
def test_an_hour_is_counted_by_valkey_s_clock(seconds_ago: float, count: int) -> None:
    assert numbers(an_event(), seconds_ago=seconds_ago).events == count


def test_it_says_whether_it_has_read_the_whole_hour() -> None:
    assert numbers(an_event()).is_whole
    assert not numbers(an_event(), has_older=True).is_whole
    assert numbers(an_event(), seconds_ago=HOUR_SECONDS + 1, has_older=True).is_whole
    assert not numbers(an_event(more=3)).is_whole
