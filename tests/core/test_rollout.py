import pytest

from krt.core.rollout import Counts, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.workload import RolloutStatus, Workload
from tests.fakes.values import a_workload

LATE = 'ReplicaSet "web-7d4b" has timed out progressing.'


def a_deployment(desired: int = 3, **status: object) -> Workload:
    return _of("Deployment shop/web", desired, **{"replicas": 3, "updated": 3, "available": 3, **status})


def a_stateful_set(desired: int = 3, *, partition: int = 0, **status: object) -> Workload:
    return _of("StatefulSet shop/db", desired, partition, **{"updated": 3, "ready": 3, **status})


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
        (a_stateful_set(ready=2), Progressing),
        (a_stateful_set(updated=2), Progressing),
        (a_stateful_set(0, updated=0, ready=0), Ready),
        (a_stateful_set(partition=1, updated=2), Ready),
        (a_stateful_set(partition=1, updated=1), Progressing),
        (a_stateful_set(partition=1, updated=2, ready=2), Progressing),
        (a_stateful_set(partition=5, updated=0), Ready),
        (a_daemon_set(), Ready),
        (a_daemon_set(observed_generation=1), Progressing),
        (a_daemon_set(updated=2), Progressing),
        (a_daemon_set(available=2), Progressing),
        (a_daemon_set(scheduled=0, updated=0, available=0), Ready),
    ],
)
def test_a_rollout_is_as_far_as_kubectl_says(workload: Workload, stage: type[Stage]) -> None:
    assert type(stage_of(workload)) is stage


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paused": True}, "the rollout is paused"),
        ({"on_delete": True}, "its pods are replaced when somebody deletes them (OnDelete)"),
    ],
)
@pytest.mark.parametrize("observed", [1, 2])
def test_a_rollout_that_nothing_moves_on_is_not_followed(
    changes: dict[str, object], reason: str, observed: int
) -> None:
    status = RolloutStatus(observed_generation=observed, deadline_exceeded=LATE)
    workload = a_workload(generation=2, status=status, **changes)
    assert stage_of(workload) == Untracked(Counts(0, 0, 1), reason)


def test_before_the_controller_has_looked_no_pod_is_of_the_new_template() -> None:
    assert stage_of(a_deployment(observed_generation=1)) == Progressing(Counts(0, 3, 3))


def test_why_a_deployment_is_stuck_is_its_controllers_own_sentence() -> None:
    assert stage_of(a_deployment(deadline_exceeded=LATE)) == Stuck(Counts(3, 3, 3), LATE)


@pytest.mark.parametrize(
    ("workload", "counts"),
    [
        (a_deployment(5, updated=2, available=1), Counts(2, 1, 5)),
        (a_stateful_set(5, updated=2, ready=1, available=4), Counts(2, 1, 5)),
        (a_daemon_set(updated=2, available=1, scheduled=5), Counts(2, 1, 5)),
    ],
)
def test_each_kind_counts_its_pods_its_own_way(workload: Workload, counts: Counts) -> None:
    assert stage_of(workload).counts == counts
