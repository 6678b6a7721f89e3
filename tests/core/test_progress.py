from datetime import UTC, datetime, timedelta

import pytest

from krt.core.announce.event_id import EventId
from krt.core.kube.rollout import ON_DELETE, PAUSED
from krt.core.kube.workload import RolloutStatus, Workload
from krt.core.report.report import Standing
from krt.core.report.target import LAST, Target, TargetState
from krt.core.restart.outcome import Covered, Expired, Failed, Outcome, Restarted, Superseded, Unmatched
from krt.core.restart.progress import (
    DELETED,
    GONE,
    NOT_MADE,
    TAKEN_BACK,
    covers,
    of_outcome,
    say,
    say_end,
    say_unheard,
    serves,
)
from krt.core.restart.times import format_time
from tests.fakes.values import NEWEST, NOW, a_mark, a_position, a_workload

FIRST, SECOND = EventId(NEWEST.milliseconds, 3), EventId(NEWEST.milliseconds, 4)
FUTURE = EventId(NEWEST.milliseconds, 6)
DEADLINE_SECONDS = 900.0
ON_ITS_WAY = RolloutStatus(observed_generation=1, replicas=2, updated=1, available=1)
DONE = RolloutStatus(observed_generation=1, replicas=1, updated=1, available=1)
IN_HAND = Standing(settled=False, target=Target(TargetState.WAITING))
LEFT = Standing(settled=True, target=Target(TargetState.WAITING))


def ago(seconds: float) -> str:
    return format_time(NOW - timedelta(seconds=seconds))


def restarted(seconds: float = 12.44, covers: EventId = NEWEST, **changes: object) -> Workload:
    """A workload that was restarted so many seconds ago, and is as its status says."""
    values = {"restarted_at": ago(seconds), "status": DONE, **changes}
    return a_workload(mark=a_mark(covers, restarted_at=ago(seconds)), **values)


def said(workload: Workload) -> Target:
    return say(workload, now=NOW, deadline_seconds=DEADLINE_SECONDS)


def restarted_at_version(version: int = 1000) -> Standing:
    """The entry is acknowledged, and the report has a restart at this version of the object."""
    return Standing(settled=True, target=Target(TargetState.PROGRESSING, version=version))


def ends(workload: Workload | None, standings: dict[EventId, Standing]) -> dict[EventId, tuple[str, str]]:
    found = say_end(workload, standings, a_position(), now=NOW)
    assert all(target.final for target in found.values())
    return {event: (target.state, target.reason) for event, target in found.items()}


def test_a_finished_rollout_is_ready_after_so_many_seconds() -> None:
    assert said(restarted()) == Target(
        TargetState.READY, updated=1, available=1, desired=1, seconds=12.4, uid="uid-of-web", version=1000
    )


def test_a_rollout_on_its_way_is_progressing_and_not_the_last_word() -> None:
    assert said(restarted(status=ON_ITS_WAY)) == Target(
        TargetState.PROGRESSING, updated=1, available=1, desired=1, uid="uid-of-web", version=1000
    )


@pytest.mark.parametrize(
    ("key", "status", "pods"),
    [
        ("Deployment shop/web", RolloutStatus(1, replicas=4, updated=1, available=3), "1 of 3 updated, 3 available"),
        ("Deployment shop/web", RolloutStatus(1, replicas=3), "0 of 3 updated, 0 available"),
        ("Deployment shop/web", RolloutStatus(0, replicas=3, updated=3, available=3), "0 of 3 updated, 3 available"),
        ("StatefulSet shop/web", RolloutStatus(1, replicas=3, updated=1, available=2), "1 of 3 updated, 2 available"),
        ("DaemonSet shop/web", RolloutStatus(1, scheduled=5, updated=2, available=4), "2 of 5 updated, 4 available"),
        ("DaemonSet shop/web", RolloutStatus(1, scheduled=1, misscheduled=1), "0 of 1 updated, 0 available"),
    ],
)
def test_a_rollout_without_end_says_how_far_it_came(key: str, status: RolloutStatus, pods: str) -> None:
    """Seen to fail with nothing but the time: a DaemonSet has no condition that says more."""
    found = said(restarted(901, key=key, replicas=3, status=status))
    assert (found.state, found.reason.partition(";")[0]) == (TargetState.FAILED, f"no end within 900 s: {pods}")


@pytest.mark.parametrize("key", ["Deployment shop/web", "StatefulSet shop/web", "DaemonSet shop/web"])
def test_zero_replicas_are_ready_with_a_warning(key: str) -> None:
    found = said(restarted(key=key, replicas=0, status=RolloutStatus(observed_generation=1)))
    assert (found.state, found.warnings) == (TargetState.READY, ("zero replicas",))


def test_T3_old_pods_that_nobody_will_replace_are_no_success() -> None:
    """Seen to fail with Untracked reported as restarted: OnDelete was `ready`, with every pod as old as before."""
    found = said(restarted(on_delete=True, status=ON_ITS_WAY))
    assert (found.state, found.reason, found.final) == (TargetState.FAILED, ON_DELETE, True)


@pytest.mark.parametrize("seconds", [10, 901])
def test_T3_a_paused_rollout_is_waited_for_and_then_fails_by_that_name(seconds: float) -> None:
    """It may be resumed, and kubectl waits as well. Seen to fail with a paused rollout reported as restarted."""
    found = said(restarted(seconds, paused=True, status=ON_ITS_WAY))
    assert (found.state, PAUSED in found.reason) == (
        TargetState.FAILED if seconds > 900 else TargetState.PROGRESSING,
        True,
    )


@pytest.mark.parametrize("place", ["deleted_at", "namespace_deleted_at"])
@pytest.mark.parametrize("seconds", [1, 899, 901])
def test_what_is_being_deleted_meanwhile_is_waited_for_no_more(place: str, seconds: float) -> None:
    """Seen to fail with no look at deletionTimestamp."""
    found = said(restarted(seconds, status=ON_ITS_WAY, **{place: ago(0)}))
    assert (found.state, "being deleted" in found.reason, found.final) == (TargetState.SKIPPED, True, True)


def test_a_rollout_without_progress_has_failed_for_its_controllers_reason() -> None:
    found = said(restarted(status=RolloutStatus(observed_generation=1, deadline_exceeded="timed out")))
    assert (found.state, found.reason, found.final) == (TargetState.FAILED, "timed out", True)


@pytest.mark.parametrize(
    ("seconds", "state"), [(900, TargetState.PROGRESSING), (900.1, TargetState.FAILED), (-60, TargetState.PROGRESSING)]
)
def test_T3_what_would_never_end_is_ended_by_the_deadline(seconds: float, state: TargetState) -> None:
    """Seen to fail with no look at the deadline."""
    assert said(restarted(seconds, status=ON_ITS_WAY)).state is state


def test_what_was_ready_after_the_deadline_is_ready() -> None:
    assert said(restarted(3600)).state is TargetState.READY


def test_a_clock_behind_makes_no_negative_time() -> None:
    assert said(restarted(-5)).seconds == 0.0


@pytest.mark.parametrize(("version", "number"), [("", 0), ("1000", 1000), ("x1", 0)])
def test_what_is_said_is_ordered_by_the_objects_version(version: str, number: int) -> None:
    assert said(restarted(resource_version=version)).version == number


def test_one_restart_speaks_for_all_the_events_it_covers() -> None:
    assert covers(restarted(covers=SECOND), a_position(), now=NOW) == SECOND


@pytest.mark.parametrize(
    "workload",
    [
        a_workload(),
        restarted(covers=FUTURE),
        restarted(restarted_at=None),
        a_workload(mark=a_mark(journal="another"), restarted_at=ago(0)),
        a_workload(mark="somebody's hand", restarted_at=ago(0)),
    ],
)
def test_a_mark_that_may_not_be_believed_speaks_for_none(workload: Workload) -> None:
    assert covers(workload, a_position(), NOW) is None


@pytest.mark.parametrize(
    "standings", [{FIRST: IN_HAND}, {FIRST: restarted_at_version(), SECOND: IN_HAND}, {FIRST: LEFT, SECOND: IN_HAND}]
)
@pytest.mark.parametrize("workload", [a_workload(resource_version="2000"), None])
def test_R1_while_a_worker_has_an_event_in_hand_nothing_is_said_to_be_over(
    standings: dict[EventId, Standing], workload: Workload | None
) -> None:
    """It may restart the workload again, for all of them. Seen to fail with no look at who is settled."""
    assert ends(workload, standings) == {}


@pytest.mark.parametrize(
    ("is_recreated", "end"), [(False, ("skipped", DELETED)), (True, ("failed", GONE))], ids=["deleted", "recreated"]
)
def test_T3_of_a_workload_that_was_deleted_nothing_old_is_left_and_one_in_its_place_has_no_restart(
    is_recreated: bool, end: tuple[str, str]
) -> None:
    """Seen to fail with None passed over, and with both reported alike."""
    found = say_end(
        None, {FIRST: restarted_at_version(), SECOND: LEFT}, a_position(), now=NOW, is_recreated=is_recreated
    )
    assert {event: (target.state, target.reason) for event, target in found.items()} == {FIRST: end, SECOND: end}


def test_T3_a_restart_that_was_taken_back_has_failed() -> None:
    """`kubectl rollout undo` brings the annotations of the older ReplicaSet. Seen to fail with the reports not read,
    and with `superseded` said of it: the job was told `ready`, and the pods were old."""
    before = restarted(600, covers=EventId(0, 1), resource_version="1001")
    for undone in (before, a_workload(resource_version="1001")):
        assert ends(undone, {FIRST: restarted_at_version(1000)}) == {FIRST: ("failed", TAKEN_BACK)}


@pytest.mark.parametrize(
    ("manager", "at", "by"),
    [
        ("kubectl-rollout", ago(-1), " by kubectl-rollout"),
        ("argocd", ago(-2), " by argocd"),
        ("argocd", ago(0), ""),
        ("argocd", ago(3600), ""),
        ("argocd", "", ""),
        ("", ago(-1), ""),
        ("argocd", "no time", ""),
    ],
)
def test_T3_who_took_a_restart_back_is_named_if_it_can_have_been_them(manager: str, at: str, by: str) -> None:
    """Seen to fail with whoever wrote last named, also from before the event."""
    event = EventId(int(NOW.timestamp() * 1000), 0)
    workload = a_workload(resource_version="1001", last_manager=manager, last_managed_at=at)
    found = say_end(workload, {event: restarted_at_version(1000)}, a_position(), now=NOW)
    assert found[event].reason == f"{TAKEN_BACK}{by}"


def test_T3_an_event_that_left_its_workload_to_a_newer_one_shares_that_ones_end() -> None:
    """Seen to fail with each event judged by its own standing alone."""
    found = ends(a_workload(resource_version="1001"), {FIRST: LEFT, SECOND: restarted_at_version(1000)})
    assert found == {FIRST: ("failed", TAKEN_BACK), SECOND: ("failed", TAKEN_BACK)}


def test_an_event_that_nobody_restarts_anything_for_any_more_has_failed() -> None:
    """What the older one left to the newer one, that one settled without a restart: refused, unmatched, expired."""
    refused = Standing(settled=True, target=Target(TargetState.FAILED, "refused"))
    found = ends(a_workload(resource_version="1001"), {FIRST: LEFT, SECOND: refused})
    assert found == {FIRST: ("failed", NOT_MADE), SECOND: ("failed", NOT_MADE)}


def test_an_event_whose_report_is_there_no_more_is_followed_no_more() -> None:
    assert ends(a_workload(), {FIRST: Standing(settled=True, target=None)}) == {FIRST: ("failed", NOT_MADE)}


def found(version: int = 1000, since: str = "then") -> Standing:
    """Somebody else's restart was found to serve it, at that version of the object."""
    return Standing(settled=True, target=Target(TargetState.PROGRESSING, version=version, served_since=since))


@pytest.mark.parametrize(
    ("workload", "standings", "served"),
    [
        (a_workload(restarted_at=ago(-1)), {FIRST: found()}, (FIRST, "then")),
        (a_workload(created_at=ago(-1)), {FIRST: found()}, (FIRST, "then")),
        (a_workload(restarted_at=ago(-1)), {FIRST: found(), SECOND: found(since="later")}, (SECOND, "later")),
        (a_workload(restarted_at=ago(-1)), {FIRST: LEFT, SECOND: found()}, (SECOND, "then")),
        (a_workload(restarted_at=ago(-1)), {FIRST: found(), SECOND: IN_HAND}, (FIRST, "then")),
        (a_workload(restarted_at=ago(-1)), {FIRST: found(1001)}, None),
        (a_workload(restarted_at=ago(-1)), {FIRST: restarted_at_version()}, None),
        (a_workload(restarted_at=ago(-1)), {FIRST: Standing(settled=True, target=None)}, None),
        (a_workload(restarted_at=ago(1)), {FIRST: found()}, None),
        (a_workload(), {FIRST: found(999)}, None),
    ],
)
def test_C2_what_others_made_serves_while_its_time_is_on_the_object(
    workload: Workload, standings: dict[EventId, Standing], served: tuple[EventId, str] | None
) -> None:
    """Seen to fail with the object not looked at, and with its version not compared."""
    assert serves(workload, standings) == served


@pytest.mark.parametrize(("since", "state"), [(ago(899), "progressing"), (ago(901), "failed")])
@pytest.mark.parametrize("mark", [None, a_mark(restarted_at=ago(3600)), a_mark(restarted_at=ago(1))])
def test_C2_what_others_made_is_given_the_deadline_from_when_it_was_found(
    since: str, state: str, mark: str | None
) -> None:
    """Seen to fail with the time of an older mark, which is krt's, taken for it."""
    workload = a_workload(status=ON_ITS_WAY, mark=mark, restarted_at=ago(1800))
    target = say(workload, now=NOW, deadline_seconds=DEADLINE_SECONDS, served_since=since)
    assert (target.state, target.served_since) == (state, since)


@pytest.mark.parametrize("version", ["999", "1000"])
def test_T3_an_index_that_is_behind_a_report_says_nothing(version: str) -> None:
    """Another worker has reported a version of which this one has not heard yet. Seen to fail without a comparison."""
    assert ends(a_workload(resource_version=version), {FIRST: LEFT, SECOND: restarted_at_version(1000)}) == {}


@pytest.mark.parametrize(("standing", "state"), [(restarted_at_version(), "failed"), (LEFT, "failed"), (IN_HAND, None)])
def test_T3_an_event_of_before_the_deadline_whose_workload_is_not_heard_of_has_failed(
    standing: Standing, state: str | None
) -> None:
    """Unless a worker has it in hand. Seen to fail with no look at the events' age, and at who is settled."""
    now = datetime.fromtimestamp(NEWEST.milliseconds / 1000, UTC)
    old = EventId(NEWEST.milliseconds - 900_001, 0)
    found = say_unheard({old: standing, NEWEST: IN_HAND}, now=now, deadline_seconds=DEADLINE_SECONDS)
    assert {event: target.state for event, target in found.items()} == ({old: state} if state else {})


@pytest.mark.parametrize(("manager", "reason"), [("", "restart undone"), ("argocd", "restart undone by argocd")])
@pytest.mark.parametrize("standing", [restarted_at_version(999), LEFT])
def test_R1_a_restart_that_somebody_undid_has_failed_when_nobody_makes_it_again(
    manager: str, reason: str, standing: Standing
) -> None:
    """Seen to fail with the look at undone_mark removed."""
    undone = restarted(restarted_at=None, last_manager=manager)
    assert ends(undone, {FIRST: standing}) == {FIRST: ("failed", reason)}


@pytest.mark.parametrize(
    "mark",
    [
        a_mark(EventId(0, 1), restarted_at=ago(600)),
        a_mark(FUTURE, restarted_at=ago(600)),
        a_mark(journal="another", restarted_at=ago(600)),
    ],
)
def test_an_undone_restart_of_others_is_not_theirs(mark: str) -> None:
    assert ends(a_workload(mark=mark), {FIRST: restarted_at_version(999)}) == {FIRST: ("failed", TAKEN_BACK)}


@pytest.mark.parametrize(
    ("outcome", "target"),
    [
        (
            Restarted(a_workload(resource_version="7", status=ON_ITS_WAY), NEWEST),
            Target(TargetState.PROGRESSING, updated=1, available=1, desired=1, uid="uid-of-web", version=7),
        ),
        (
            Covered(a_workload(resource_version="7", status=ON_ITS_WAY), NEWEST),
            Target(TargetState.PROGRESSING, updated=1, available=1, desired=1, uid="uid-of-web", version=7),
        ),
        (
            Covered(a_workload(resource_version="7"), NEWEST, served_since="then"),
            Target(
                TargetState.PROGRESSING,
                updated=1,
                available=1,
                desired=1,
                uid="uid-of-web",
                version=7,
                served_since="then",
            ),
        ),
        (Failed("refused"), Target(TargetState.FAILED, "refused", version=LAST)),
        (Expired("too late"), Target(TargetState.FAILED, "too late", version=LAST)),
        (Unmatched("another tag"), Target(TargetState.SKIPPED, "another tag", version=LAST)),
        (Superseded(NEWEST), None),
    ],
)
def test_T1_the_outcome_comes_with_the_acknowledgement(outcome: Outcome, target: Target | None) -> None:
    """Seen to fail with Restarted and Covered left to the follower."""
    assert of_outcome(outcome) == target
