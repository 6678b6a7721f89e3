"""What the status and the metadata of the API server's objects come to: counts, reasons, who wrote last, deletion."""

import json
from typing import Any

import pytest

from krt.cluster.workloads.wire import READERS
from krt.core.kube.workload import Workload

MINUTE = "2026-11-20T12:{:02}:00Z"


def read(kind: str = "Deployment", *, metadata: Any = None, spec: Any = None, status: Any = None) -> Workload:
    named = {"name": "web", "namespace": "shop", **(metadata or {})}
    document = {"kind": kind, "metadata": named, "spec": spec or {}, "status": status or {}}
    return READERS[kind].one(json.dumps(document).encode())


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


PROGRESSING = condition("Progressing", "True", "ReplicaSetUpdated", 'ReplicaSet "web-1" is progressing.')
AVAILABLE = condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
FAILED = ("ReplicaFailure", "True", "FailedCreate")
PODS = 'pods "web-1-x" is forbidden: '


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        ((*FAILED, f"{PODS}violates PodSecurity"), f"FailedCreate: {PODS}violates PodSecurity"),
        ((*FAILED, f"{PODS}exceeded quota"), f"FailedCreate: {PODS}exceeded quota"),
        (("ReplicaFailure", "True", "FailedDelete", "no"), "FailedDelete: no"),
        ((*FAILED, 'Invalid value: "pw": no\n\x1b[2J'), "FailedCreate: Invalid value: …: no [2J"),
        (("Progressing", "False", "ReplicaSetCreateError", "exceeded quota"), "ReplicaSetCreateError: exceeded quota"),
        ((*FAILED, "x" * 9000), f"FailedCreate: {'x' * 285}…"),
        (("ReplicaFailure", "False", "FailedCreate", "was"), None),
        (("Progressing", "False", "ProgressDeadlineExceeded", "timed out"), None),
        (("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"), None),
    ],
)  # fmt: skip
def test_a_condition_that_says_what_is_wrong_is_a_problem(one: tuple[str, str, str, str], problem: str | None) -> None:
    """Seen to fail with nothing but ProgressDeadlineExceeded read."""
    status = read(status={"conditions": [AVAILABLE, condition(*one)]}).status
    assert status.problems == (() if problem is None else (problem,))


def test_how_it_timed_out_and_that_it_is_not_available_are_told_apart_from_problems() -> None:
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
    scarce = condition("Available", "False", "MinimumReplicasUnavailable", "no minimum availability")
    status = read(status={"conditions": [late, scarce]}).status
    assert (status.deadline_exceeded, status.unavailable, status.problems) == (
        "timed out",
        "no minimum availability",
        (),
    )
    calm = read(status={"conditions": [PROGRESSING, AVAILABLE]}).status
    assert (calm.deadline_exceeded, calm.unavailable, calm.problems) == (None, "", ())


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Deployment", {"availableReplicas": 2, "readyReplicas": 3, "updatedReplicas": 3}),
        ("StatefulSet", {"availableReplicas": 2, "readyReplicas": 3, "updatedReplicas": 3}),
        ("DaemonSet", {"numberAvailable": 2, "numberReady": 3, "updatedNumberScheduled": 3}),
    ],
)
def test_available_is_available_for_every_kind(kind: str, status: dict[str, int]) -> None:
    found = read(kind, status=status).status
    assert (found.available, found.updated) == (2, 3)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, (0, 0, False)),
        ({"updateStrategy": {"rollingUpdate": {"partition": 2}}, "ordinals": {"start": 5}}, (2, 5, False)),
        ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}, (0, 0, False)),
        ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}, (0, 0, True)),
        ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": "25%", "partition": None}}}, (0, 0, True)),
        ({"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}, "ordinals": None}, (0, 0, False)),
    ],
)
def test_how_a_stateful_set_replaces_its_pods(spec: dict[str, Any], expected: tuple[int, int, bool]) -> None:
    found = read("StatefulSet", spec=spec)
    assert (found.partition, found.first_ordinal, found.at_once) == expected


def test_when_its_deletion_began_is_read() -> None:
    assert read().deleted_at is None
    assert read(metadata={"deletionTimestamp": MINUTE.format(1), "finalizers": ["a/b"]}).deleted_at == MINUTE.format(1)


def entry(manager: str, minute: int, subresource: str = "") -> dict[str, str]:
    return {"manager": manager, "time": MINUTE.format(minute), "subresource": subresource}


@pytest.mark.parametrize(
    ("entries", "named", "minute"),
    [
        ([entry("krt", 1), entry("kubectl-rollout", 2)], "kubectl-rollout", 2),
        ([entry("krt", 1), entry("kubectl-rollout", 2), entry("kube-controller-manager", 3)], "kubectl-rollout", 2),
        ([entry("helm", 1), entry("argocd", 2), entry("kube-controller-manager", 2, "status")], "argocd", 2),
        ([entry("helm", 1), entry("krt", 2), entry("k3s", 3)], "", None),
        ([entry("hpa", 3, "scale"), entry("krt", 2)], "", None),
        ([], "", None),
    ],
)  # fmt: skip
def test_who_wrote_last_is_nobody_whose_business_it_is(
    entries: list[dict[str, str]], named: str, minute: int | None
) -> None:
    """The deployment controller writes the number of the revision. Seen to fail with that named."""
    found = read(metadata={"managedFields": entries})
    assert (found.last_manager, found.last_managed_at) == (named, MINUTE.format(minute) if minute else "")
