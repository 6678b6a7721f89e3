import pytest

from krt.core.rollout import ON_DELETE, PAUSED, Counts, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.workload import RolloutStatus, Workload
from tests.fakes.values import a_workload

LATE = 'ReplicaSet "web-7d4b" has timed out progressing.'


def a_deployment(desired: int = 3, **status: object) -> Workload:
    return _of("Deployment shop/web", desired, **{"replicas": 3, "updated": 3, "available": 3, **status})


def a_stateful_set(desired: int = 3, *, partition: int = 0, **status: object) -> Workload:
    return _of(
        "StatefulSet shop/db", desired, partition, **{"replicas": 3, "updated": 3, "ready": 3, "available": 3, **status}
    )


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
def test_what_a_rollout_waits_for_is_told_while_it_waits(workload: Workload, reason: str) -> None:
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
        (a_stateful_set(5, updated=2, ready=4, available=1), Counts(2, 1, 5)),
        (a_daemon_set(updated=2, available=1, scheduled=5), Counts(2, 1, 5)),
    ],
)
def test_available_is_what_every_kind_counts(workload: Workload, counts: Counts) -> None:
    assert stage_of(workload).counts == counts
