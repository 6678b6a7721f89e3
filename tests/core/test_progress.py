from datetime import timedelta

import pytest

from krt.core.event_id import EventId
from krt.core.ports import Followed
from krt.core.progress import UNDONE_SECONDS, Said, say
from krt.core.report import GONE, Target, TargetState
from krt.core.restart import format_time
from krt.core.workload import RolloutStatus, Workload
from tests.fakes.values import NEWEST, NOW, a_mark, a_position, a_workload

FIRST, SECOND = EventId(NEWEST.milliseconds, 3), EventId(NEWEST.milliseconds, 4)
DEADLINE_SECONDS = 900.0
WAITING = RolloutStatus(observed_generation=1, replicas=2, updated=1, available=1)


def ago(seconds: float) -> str:
    return format_time(NOW - timedelta(seconds=seconds))


def restarted(seconds: float = 12.44, covers: EventId = NEWEST, **changes: object) -> Workload:
    """A workload that was restarted so many seconds ago."""
    return a_workload(mark=a_mark(covers, restarted_at=ago(seconds)), **{"restarted_at": ago(seconds), **changes})


def said(workload: Workload | None, *events: EventId, uid: str = "uid-of-web") -> Said | None:
    followed = Followed(uid, events or (FIRST,))
    return say(workload, followed, a_position(), now=NOW, deadline_seconds=DEADLINE_SECONDS)


def target(workload: Workload) -> Target:
    found = said(workload)
    assert found is not None
    assert found.upto == NEWEST
    return found.target


def test_a_finished_rollout_is_ready_after_so_many_seconds() -> None:
    assert target(restarted()) == Target(
        TargetState.READY, updated=1, available=1, desired=1, seconds=12.4, version=1000, final=True
    )


def test_a_rollout_on_its_way_is_progressing_and_not_the_last_word() -> None:
    assert target(restarted(status=WAITING)) == Target(
        TargetState.PROGRESSING, updated=1, available=1, desired=1, version=1000
    )


def test_zero_replicas_are_ready_with_a_warning() -> None:
    found = target(restarted(replicas=0, status=RolloutStatus(observed_generation=1)))
    assert (found.state, found.warnings) == (TargetState.READY, ("zero replicas",))


@pytest.mark.parametrize("changes", [{"paused": True}, {"on_delete": True}])
def test_what_nothing_moves_on_ends_as_restarted_with_a_warning(changes: dict[str, object]) -> None:
    found = target(restarted(**changes))
    assert (found.state, len(found.warnings), found.final) == (TargetState.RESTARTED, 1, True)


def test_a_rollout_without_progress_has_failed_for_its_controllers_reason() -> None:
    found = target(restarted(status=RolloutStatus(observed_generation=1, deadline_exceeded="timed out")))
    assert (found.state, found.reason, found.final) == (TargetState.FAILED, "timed out", True)


@pytest.mark.parametrize(
    ("seconds", "state"), [(900, TargetState.PROGRESSING), (900.1, TargetState.FAILED), (-60, TargetState.PROGRESSING)]
)
def test_what_would_never_end_is_ended_by_the_deadline(seconds: float, state: TargetState) -> None:
    assert target(restarted(seconds, status=WAITING)).state is state


def test_what_was_ready_after_the_deadline_is_ready() -> None:
    assert target(restarted(3600)).state is TargetState.READY


def test_a_clock_behind_makes_no_negative_time() -> None:
    assert target(restarted(-5)).seconds == 0.0


@pytest.mark.parametrize("workload", [None, restarted(uid="another")])
def test_a_workload_that_is_gone_or_another_by_now_has_failed_for_every_event(workload: Workload | None) -> None:
    assert said(workload, FIRST, SECOND) == Said(SECOND, GONE)


def test_one_restart_speaks_for_all_the_events_it_covers_and_no_newer_one() -> None:
    found = said(restarted(covers=SECOND), FIRST, SECOND, NEWEST)
    assert found is not None
    assert found.upto == SECOND


def test_events_that_no_restart_covers_yet_are_not_spoken_of() -> None:
    assert said(a_workload()) is None
    assert said(restarted(covers=FIRST), SECOND) is None
    assert said(restarted(covers=EventId(NEWEST.milliseconds, 6))) is None
    assert said(a_workload(mark=a_mark(journal="another"), restarted_at=ago(0))) is None


@pytest.mark.parametrize(("manager", "reason"), [("", "restart undone"), ("argocd", "restart undone by argocd")])
def test_a_restart_that_somebody_undid_has_failed_when_nobody_makes_it_again(manager: str, reason: str) -> None:
    found = target(restarted(UNDONE_SECONDS, restarted_at=None, last_manager=manager))
    assert (found.state, found.reason, found.final) == (TargetState.FAILED, reason, True)


def test_as_long_as_it_may_be_made_again_nothing_is_said_of_it() -> None:
    assert said(restarted(UNDONE_SECONDS - 1, restarted_at=None)) is None


@pytest.mark.parametrize(
    "mark",
    [
        a_mark(EventId(0, 1), restarted_at=ago(600)),
        a_mark(EventId(NEWEST.milliseconds, 6), restarted_at=ago(600)),
        a_mark(journal="another", restarted_at=ago(600)),
    ],
)
def test_an_undone_restart_of_others_is_not_theirs(mark: str) -> None:
    assert said(a_workload(mark=mark)) is None


@pytest.mark.parametrize(("version", "number"), [("", 0), ("1000", 1000), ("x1", 0)])
def test_what_is_said_is_ordered_by_the_objects_version(version: str, number: int) -> None:
    assert target(restarted(resource_version=version)).version == number
