from dataclasses import replace

import pytest

from krt.core.kube.rollout import ON_DELETE, PAUSED, Counts, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.kube.workload import RolloutStatus, Workload
from tests.fakes.values import a_workload

LATE = 'ReplicaSet "web-7d4b" has timed out progressing.'


def a_deployment(desired: int = 3, **status: object) -> Workload:
    return _of("Deployment shop/web", desired, **{"replicas": 3, "updated": 3, "available": 3, **status})


def a_stateful_set(desired: int = 3, *, partition: int = 0, **status: object) -> Workload:
    return _of("StatefulSet shop/db", desired, partition, **{"replicas": 3, "updated": 3, "available": 3, **status})


def a_daemon_set(**status: object) -> Workload:
    return _of("DaemonSet shop/agent", 0, **{"scheduled": 3, "updated": 3, "available": 3, **status})


def _of(key: str, desired: int, partition: int = 0, **status: object) -> Workload:
    observed = RolloutStatus(**{"observed_generation": 2, **status})
    return a_workload(key=key, generation=2, replicas=desired, partition=partition, status=observed)


@pytest.mark.parametrize(
    ("workload", "stage"),
    [
        (a_deployment(), Ready),
        (a_deployment(observed_generation=1), Progressing),
        (a_deployment(observed_generation=1, deadline_exceeded=LATE), Progressing),
        (a_deployment(observed_generation=3), Ready),
        (a_deployment(updated=2), Progressing),
        (a_deployment(2), Ready),
        (_of("Deployment shop/web", 3, replicas=4, updated=3, available=3), Progressing),
        (a_deployment(available=2), Progressing),
        (a_deployment(updated=0, available=0), Progressing),
        (a_deployment(deadline_exceeded=LATE), Stuck),
        (a_deployment(deadline_exceeded=LATE, available=2), Stuck),
        (_of("Deployment shop/web", 0), Ready),
        (_of("Deployment shop/web", 0, replicas=1), Progressing),
        (a_stateful_set(), Ready),
        (a_stateful_set(observed_generation=1), Progressing),
        (a_stateful_set(available=2), Progressing),
        (a_stateful_set(replicas=4), Progressing),
        (a_stateful_set(updated=2), Progressing),
        (a_stateful_set(0, replicas=0, updated=0, available=0), Ready),
        (a_stateful_set(partition=1, updated=2), Untracked),
        (a_stateful_set(partition=1, updated=1), Progressing),
        (a_stateful_set(partition=1, updated=2, available=2), Progressing),
        (a_stateful_set(partition=3, updated=0), Untracked),
        (a_stateful_set(partition=5, updated=0), Untracked),
        (a_stateful_set(partition=1), Ready),
        (a_daemon_set(), Ready),
        (a_daemon_set(observed_generation=1), Progressing),
        (a_daemon_set(updated=2), Progressing),
        (a_daemon_set(available=2), Progressing),
        (a_daemon_set(scheduled=0, updated=0, available=0), Ready),
        (a_daemon_set(misscheduled=1), Progressing),
    ],
)
def test_a_rollout_is_as_far_as_its_controller_says(workload: Workload, stage: type[Stage]) -> None:
    """By the rules of `kubectl rollout status`, but where an old pod would hide behind them: a partition, OnDelete, a
    node that a DaemonSet has left. Seen to fail with kubectl's own rules."""
    assert type(stage_of(workload)) is stage


def test_pods_that_wait_for_somebody_to_delete_them_are_waited_for_by_nobody() -> None:
    status = RolloutStatus(observed_generation=2)
    workload = a_workload(key="StatefulSet shop/db", generation=2, status=status, on_delete=True)
    assert stage_of(workload) == Untracked(Counts(0, 0, 1), ON_DELETE)


@pytest.mark.parametrize("observed", [1, 2])
@pytest.mark.parametrize("late", [None, LATE])
def test_a_paused_rollout_says_so_and_may_go_on(observed: int, late: str | None) -> None:
    """Seen to fail with a paused rollout called one that nothing moves on."""
    status = RolloutStatus(observed_generation=observed, deadline_exceeded=late)
    assert stage_of(a_workload(generation=2, status=status, paused=True)) == Progressing(Counts(0, 0, 1), PAUSED)


def test_a_paused_rollout_that_has_nothing_left_to_do_is_ready() -> None:
    assert stage_of(replace(a_deployment(), paused=True)) == Ready(Counts(3, 3, 3))


@pytest.mark.parametrize("workload", [a_stateful_set(updated=2), a_daemon_set(updated=0)])
def test_on_delete_old_pods_stay_and_when_somebody_has_deleted_them_all_it_is_ready(workload: Workload) -> None:
    held = replace(workload, on_delete=True)
    assert stage_of(held) == Untracked(stage_of(held).counts, ON_DELETE)
    done = replace(held, status=replace(held.status, updated=3))
    assert stage_of(done) == Ready(Counts(3, 3, 3))
    assert stage_of(replace(done, generation=3)) == Progressing(Counts(0, 3, 3))


@pytest.mark.parametrize(
    ("partition", "updated", "reason"),
    [
        (1, 2, "partition 1 keeps 1 of its 3 pods as they were"),
        (2, 1, "partition 2 keeps 2 of its 3 pods as they were"),
        (3, 0, "partition 3 keeps 3 of its 3 pods as they were"),
        (9, 0, "partition 9 keeps 3 of its 3 pods as they were"),
    ],
)
def test_how_many_pods_a_partition_keeps_is_said(partition: int, updated: int, reason: str) -> None:
    """Seen to fail with `ready`, as kubectl says of these."""
    counts = Counts(updated, 3, 3)
    assert stage_of(a_stateful_set(partition=partition, updated=updated)) == Untracked(counts, reason)


def awaits(pod: str) -> str:
    return f"waits for pod {pod}; if it is broken: `kubectl -n shop delete pod {pod}`"


UNKNOWN = "1 of 3 pods are not available; a broken one is replaced once it is deleted"


@pytest.mark.parametrize(
    ("status", "changes", "reason"),
    [
        ({"current": 2, "updated": 0, "available": 2}, {}, awaits("db-2")),  # terminating, or refused
        ({"current": 2, "updated": 1, "available": 2}, {}, awaits("db-2")),  # new, and not available
        ({"current": 1, "updated": 1, "available": 2}, {}, awaits("db-1")),
        ({"current": 0, "updated": 3, "available": 2}, {}, awaits("db-0")),
        ({"current": 1, "updated": 0, "available": 1}, {}, awaits("db-1")),  # broken since an earlier rollout
        ({"current": 2, "updated": 1, "available": 2}, {"first_ordinal": 7}, awaits("db-9")),
        ({"current": 3, "updated": 0, "available": 2}, {}, UNKNOWN),  # nothing is replaced before it is available
        ({"current": 3, "updated": 3, "available": 2}, {}, UNKNOWN),
        ({"current": 2, "updated": 1, "available": 2}, {"at_once": True}, UNKNOWN),
        ({"current": 1, "updated": 1, "available": 3}, {}, ""),
    ],
)
def test_the_reason_names_the_pod_that_a_stateful_set_waits_for_and_the_remedy(
    status: dict[str, int], changes: dict[str, object], reason: str
) -> None:
    """Seen to fail with no word on it: it ended by the time limit."""
    workload = replace(a_stateful_set(**{"replicas": 4, **status}), **changes)
    assert stage_of(workload) == Progressing(Counts(status["updated"], status["available"], 3), reason)


def test_before_the_controller_has_looked_no_pod_is_of_the_new_template() -> None:
    assert stage_of(a_deployment(observed_generation=1)) == Progressing(Counts(0, 3, 3))


QUOTA = 'FailedCreate: pods "web-7d4b-x2x" is forbidden: exceeded quota: compute'


@pytest.mark.parametrize(
    ("workload", "reason"),
    [
        (a_deployment(updated=1, available=1, problems=(QUOTA,)), QUOTA),
        (a_deployment(observed_generation=1, problems=(QUOTA,)), QUOTA),
        (a_stateful_set(updated=1, current=1, available=2), "waits for pod db-1; if it is broken: `kubectl -n shop "),
        (a_stateful_set(updated=0, current=2, available=2), "waits for pod db-2; if it is broken: `kubectl -n shop "),
        (a_stateful_set(updated=1, current=0, available=1), "2 of 3 pods are not available; a broken one is replaced"),
        (a_daemon_set(updated=2, misscheduled=2), "pods on 2 nodes that should not run them are not gone yet"),
    ],
)
def test_a_rollout_that_waits_names_the_obstacle(workload: Workload, reason: str) -> None:
    """Seen to fail with the reason left out until the time is over."""
    stage = stage_of(workload)
    assert isinstance(stage, Progressing)
    assert stage.reason.startswith(reason)


def test_a_stuck_deployment_gives_every_reason_that_it_has() -> None:
    """Seen to fail with the sentence of the time-out alone."""
    stage = stage_of(a_deployment(deadline_exceeded=LATE, problems=(QUOTA,), unavailable="no minimum availability"))
    assert stage == Stuck(Counts(3, 3, 3), f"{LATE}; {QUOTA}; no minimum availability")


def test_why_a_deployment_is_stuck_is_its_controllers_own_sentence() -> None:
    assert stage_of(a_deployment(deadline_exceeded=LATE)) == Stuck(Counts(3, 3, 3), LATE)


@pytest.mark.parametrize(
    ("workload", "counts"),
    [
        (a_deployment(5, updated=2, available=1), Counts(2, 1, 5)),
        (a_stateful_set(5, updated=2, available=1), Counts(2, 1, 5)),
        (a_daemon_set(updated=2, available=1, scheduled=5), Counts(2, 1, 5)),
    ],
)
def test_available_is_what_every_kind_counts(workload: Workload, counts: Counts) -> None:
    assert stage_of(workload).counts == counts
