"""What an object says of itself, and whether it is waited for: tables of facts, a kind each."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.kube.kstatus import status_of
from krt.core.kube.object_status import ObjectState
from krt.core.reason import MOST_REASON

CURRENT, IN_PROGRESS, FAILED, TERMINATING = (
    ObjectState.CURRENT,
    ObjectState.IN_PROGRESS,
    ObjectState.FAILED,
    ObjectState.TERMINATING,
)


def of(
    kind: str, api: str = "v1", *, spec: Any = None, status: Any = None, metadata: Any = None, conditions: Any = None
) -> dict[str, Any]:
    """An object as the API server sends it; conditions are (type, status, reason, message)."""
    listed = [dict(zip(("type", "status", "reason", "message"), each, strict=False)) for each in conditions or []]
    status_now = {**(status or {}), **({"conditions": listed} if conditions else {})}
    named = {"name": "web", "namespace": "shop", "generation": 2, **(metadata or {})}
    return {"apiVersion": api, "kind": kind, "metadata": named, "spec": spec or {}, "status": status_now}


def deployment(*conditions: tuple[str, ...], **status: int) -> dict[str, Any]:
    numbers = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, **status}
    return of("Deployment", "apps/v1", spec={"replicas": 3}, status=numbers, conditions=conditions)


def stateful_set(spec: Any = None, **status: int) -> dict[str, Any]:
    numbers = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, **status}
    return of("StatefulSet", "apps/v1", spec={"replicas": 3, **(spec or {})}, status=numbers)


def daemon_set(**status: int) -> dict[str, Any]:
    numbers = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2, **status}
    return of("DaemonSet", "apps/v1", status={"observedGeneration": 2, **numbers})


def replica_set(*conditions: tuple[str, ...], **status: int) -> dict[str, Any]:
    numbers = {"replicas": 3, "fullyLabeledReplicas": 3, "availableReplicas": 3, "readyReplicas": 3, **status}
    return of("ReplicaSet", "apps/v1", spec={"replicas": 3}, status=numbers, conditions=conditions)


def pod(phase: str | None, *conditions: tuple[str, ...], **status: Any) -> dict[str, Any]:
    return of("Pod", status={**({"phase": phase} if phase else {}), **status}, conditions=conditions)


def crashed(waiting: str = "", code: int = 1) -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {"name": "app", "state": state, "lastState": {"terminated": {"exitCode": code, "reason": "Error"}}}


def job(*conditions: tuple[str, ...], **status: Any) -> dict[str, Any]:
    return of("Job", "batch/v1", status=status, conditions=conditions)


def claim(phase: str | None) -> dict[str, Any]:
    return of("PersistentVolumeClaim", status={"phase": phase} if phase else {})


def definition(*conditions: tuple[str, ...]) -> dict[str, Any]:
    return of("CustomResourceDefinition", "apiextensions.k8s.io/v1", conditions=conditions)


def api_service(*conditions: tuple[str, ...]) -> dict[str, Any]:
    return of("APIService", "apiregistration.k8s.io/v1", conditions=conditions)


def widget(*conditions: tuple[str, ...], **status: Any) -> dict[str, Any]:
    return of("Widget", "example.com/v1", status=status, conditions=conditions)


LATE = ("Progressing", "False", "ProgressDeadlineExceeded", "timed out progressing")
QUOTA = ("ReplicaFailure", "True", "FailedCreate", "exceeded quota: compute")
UNREADY = ("Ready", "False", "ContainersNotReady", "containers with unready status: [app]")
NO_NODE = ("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (deployment(), CURRENT, ""),
        (deployment(observedGeneration=1), IN_PROGRESS, "0 of 3 pods updated, 3 available"),
        (deployment(updatedReplicas=1), IN_PROGRESS, "1 of 3 pods updated, 3 available"),
        (deployment(replicas=4), IN_PROGRESS, "3 of 3 pods updated"),
        (deployment(availableReplicas=2), IN_PROGRESS, "2 available"),
        (deployment(LATE, availableReplicas=2), FAILED, "timed out progressing"),
        (deployment(QUOTA, updatedReplicas=1), IN_PROGRESS, "FailedCreate: exceeded quota: compute"),
        (of("Deployment", "apps/v1"), IN_PROGRESS, "0 of 1 pods updated"),
        (of("Deployment", "apps/v1", spec={"replicas": 0}, status={"observedGeneration": 2}), CURRENT, ""),
        (
            of("Deployment", "apps/v1", spec={"paused": True}, status={"observedGeneration": 2}),
            IN_PROGRESS,
            "the rollout is paused",
        ),
        (stateful_set(), CURRENT, ""),
        (stateful_set(updatedReplicas=2), IN_PROGRESS, "2 of 3 pods updated"),
        (stateful_set({"updateStrategy": {"type": "OnDelete"}}, updatedReplicas=0), CURRENT, "(OnDelete)"),
        (
            stateful_set({"updateStrategy": {"type": "OnDelete"}}, updatedReplicas=0, availableReplicas=0),
            IN_PROGRESS,
            "0 of 3 pods updated, 0 available",
        ),
        (
            stateful_set({"updateStrategy": {"rollingUpdate": {"partition": 2}}}, updatedReplicas=1),
            CURRENT,
            "partition 2 keeps 2 of its 3 pods as they were",
        ),
        (daemon_set(), CURRENT, ""),
        (daemon_set(numberAvailable=1), IN_PROGRESS, "1 available"),
        (daemon_set(observedGeneration=0, desiredNumberScheduled=0), IN_PROGRESS, ""),
    ],
)
def test_workloads_go_by_the_rules_of_krt_notify(body: Mapping[str, Any], state: ObjectState, reason: str) -> None:
    """Seen to fail with a StatefulSet of OnDelete that was current before it had a pod."""
    found = status_of(body)
    assert (found.state, reason in found.reason) == (state, True), found


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (replica_set(), CURRENT, ""),
        (replica_set(fullyLabeledReplicas=2), IN_PROGRESS, "3 pods of 3, 3 available"),
        (replica_set(availableReplicas=2), IN_PROGRESS, "3 pods of 3, 2 available"),
        (replica_set(readyReplicas=2), IN_PROGRESS, ""),
        (replica_set(replicas=4), IN_PROGRESS, "4 pods of 3"),
        (replica_set(QUOTA), IN_PROGRESS, "FailedCreate: exceeded quota: compute"),
        (of("ReplicaSet", "apps/v1"), IN_PROGRESS, "0 pods of 1"),
        (of("ReplicationController", spec={"replicas": 0}), CURRENT, ""),
        (of("ReplicationController", spec={"replicas": 1}), IN_PROGRESS, ""),
        (pod(None), IN_PROGRESS, "phase unknown"),
        (pod("Pending"), IN_PROGRESS, "phase Pending"),
        (pod("Pending", NO_NODE), IN_PROGRESS, "Unschedulable: 0/3 nodes are available"),
        (pod("Running", UNREADY), IN_PROGRESS, "ContainersNotReady: containers with unready status: [app]"),
        (pod("Running", ("Ready", "True")), CURRENT, ""),
        (
            pod("Running", ("Ready", "True"), containerStatuses=[crashed("CrashLoopBackOff")]),
            CURRENT,
            "",
        ),
        (
            pod("Running", UNREADY, containerStatuses=[crashed("CrashLoopBackOff")]),
            FAILED,
            "app: CrashLoopBackOff; app ended with exit code 1 (Error)",
        ),
        (
            pod("Pending", containerStatuses=[crashed("ImagePullBackOff", 0)]),
            IN_PROGRESS,
            "phase Pending; app: ImagePullBackOff",
        ),
        (pod("Pending", initContainerStatuses=[crashed("CrashLoopBackOff")]), IN_PROGRESS, "app: CrashLoopBackOff"),
        (pod("Pending", containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}]), IN_PROGRESS, ""),
        (pod("Succeeded"), CURRENT, ""),
        (pod("Failed", reason="Evicted", message="low on memory"), FAILED, "Evicted; low on memory"),
        (job(), IN_PROGRESS, "it has not started"),
        (
            job(startTime="2026-11-20T12:00:00Z", active=1, failed=2),
            IN_PROGRESS,
            "1 pods active, 0 succeeded, 2 f",
        ),
        (job(("Complete", "True")), CURRENT, ""),
        (job(("Complete", "False")), IN_PROGRESS, ""),
        (job(("Failed", "True", "BackoffLimitExceeded", "too often")), FAILED, "BackoffLimitExceeded: too often"),
        (job(("Suspended", "True", "JobSuspended", "Job suspended")), CURRENT, "Job suspended"),
        (of("CronJob", "batch/v1"), CURRENT, ""),
        (claim("Bound"), CURRENT, ""),
        (claim("Pending"), IN_PROGRESS, "phase Pending"),
        (claim(None), IN_PROGRESS, "phase unknown"),
        (claim("Lost"), FAILED, "is gone"),
        (of("Service"), CURRENT, ""),
        (of("Service", spec={"type": "LoadBalancer", "clusterIP": "10.0.0.1"}), CURRENT, ""),
        (of("Service", spec={"type": "LoadBalancer"}), IN_PROGRESS, "no cluster IP"),
        (of("Service", spec={"type": "ExternalName"}), CURRENT, ""),
        (of("PodDisruptionBudget", "policy/v1"), CURRENT, ""),
        (of("PodDisruptionBudget", "policy/v1", status={"observedGeneration": 1}), IN_PROGRESS, "1 of 2"),
        (definition(), IN_PROGRESS, "not established yet"),
        (definition(("NamesAccepted", "True"), ("Established", "True")), CURRENT, ""),
        (definition(("Established", "False", "Installing", "")), IN_PROGRESS, "not established yet"),
        (definition(("Established", "False", "NotAccepted", "not all names")), FAILED, "NotAccepted: not all names"),
        (
            definition(("NamesAccepted", "False", "PluralConflict", '"widgets" is taken'), ("Established", "True")),
            FAILED,
            "PluralConflict",
        ),
        (of("Namespace", status={"phase": "Active"}), CURRENT, ""),
        (api_service(), IN_PROGRESS, "not been tried"),
        (api_service(("Available", "True")), CURRENT, ""),
        (api_service(("Available", "False", "MissingEndpoints", "no endpoints")), IN_PROGRESS, "MissingEndpoints"),
        (of("ConfigMap"), CURRENT, ""),
        (of("Secret"), CURRENT, ""),
        (of("Role", "rbac.authorization.k8s.io/v1"), CURRENT, ""),
        (of("Ingress", "networking.k8s.io/v1"), CURRENT, ""),
    ],
)
def test_a_built_in_kind_is_current_when_its_controller_has_done_its_work(
    body: Mapping[str, Any], state: ObjectState, reason: str
) -> None:
    found = status_of(body)
    assert (found.state, reason in found.reason) == (state, True), found


READY, STALLED = ("Ready", "True"), ("Stalled", "True", "InstallFailed", "values are wrong")
RECONCILING = ("Reconciling", "True", "Progressing", "installing")


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (widget(), CURRENT, ""),
        (widget(READY), CURRENT, ""),
        (widget(("Ready", "False", "Waiting", "for its pods")), IN_PROGRESS, "Waiting: for its pods"),
        (widget(("Ready", "Unknown", "", "")), IN_PROGRESS, ""),
        (widget(("Ready", "maybe", "", "")), CURRENT, ""),
        (widget(READY, observedGeneration=1), IN_PROGRESS, "its controller has observed generation 1 of 2"),
        (widget(READY, observedGeneration=2), CURRENT, ""),
        (widget(READY, RECONCILING), IN_PROGRESS, "Progressing: installing"),
        (widget(READY, ("Reconciling", "False", "", "")), CURRENT, ""),
        (widget(STALLED), FAILED, "InstallFailed: values are wrong"),
        (widget(("Ready", "False", "x", "y"), STALLED), FAILED, "InstallFailed"),
        (widget(RECONCILING, STALLED), FAILED, "InstallFailed"),
        (widget(STALLED, RECONCILING), FAILED, "InstallFailed"),
        (widget(STALLED, observedGeneration=1), IN_PROGRESS, ""),
        (of("Deployment", "example.com/v1", status={"phase": "Pending"}), CURRENT, ""),
        (of("Job", "example.com/v1"), CURRENT, ""),
        ({"apiVersion": "example.com/v1", "kind": "Widget"}, CURRENT, ""),
    ],
)
def test_any_other_kind_goes_by_the_conditions_that_all_kinds_share(
    body: Mapping[str, Any], state: ObjectState, reason: str
) -> None:
    found = status_of(body)
    assert (found.state, reason in found.reason) == (state, True), found


@pytest.mark.parametrize(("observed", "state"), [(1, IN_PROGRESS), (2, CURRENT), (None, CURRENT)])
def test_ready_that_was_said_of_an_older_generation_does_not_count(observed: int | None, state: ObjectState) -> None:
    """Seen to fail with the condition's own generation not read."""
    body = widget(READY)
    body["status"]["conditions"][0]["observedGeneration"] = observed
    assert status_of(body).state is state


GONE = {"deletionTimestamp": "2026-11-20T12:00:00Z"}


@pytest.mark.parametrize("body", [deployment(), pod("Running", READY), claim("Bound"), widget(READY), of("Secret")])
def test_what_is_being_deleted_is_terminating_whatever_else_it_says(body: dict[str, Any]) -> None:
    body["metadata"] = {**body["metadata"], **GONE, "finalizers": ["example.com/backup"]}
    found = status_of(body)
    assert (found.state, found.reason) == (
        TERMINATING,
        "its deletion has begun; finalizers: example.com/backup",
    )


def test_the_reason_names_the_objects_that_hold_a_namespace() -> None:
    left = ("NamespaceContentRemaining", "True", "SomeResourcesRemain", "widgets.example.com has 2 resource instances")
    done = ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "all discovered")
    found = status_of(of("Namespace", metadata=GONE, status={"phase": "Terminating"}, conditions=[done, left]))
    assert found.reason == "its deletion has begun; widgets.example.com has 2 resource instances"


LATE_BINDING, AT_ONCE = {"volumeBindingMode": "WaitForFirstConsumer"}, {"volumeBindingMode": "Immediate"}


@pytest.mark.parametrize(
    ("storage_class", "annotations", "state"),
    [
        (None, {}, IN_PROGRESS),
        (AT_ONCE, {}, IN_PROGRESS),
        (LATE_BINDING, {}, CURRENT),
        (LATE_BINDING, {"volume.kubernetes.io/selected-node": "n1"}, IN_PROGRESS),
    ],
)
def test_a_claim_that_waits_for_its_first_consumer_is_not_waited_for(
    storage_class: Mapping[str, Any] | None, annotations: dict[str, str], state: ObjectState
) -> None:
    body = of("PersistentVolumeClaim", status={"phase": "Pending"}, metadata={"annotations": annotations})
    assert status_of(body, storage_class=storage_class).state is state


def test_a_reason_shows_no_secret() -> None:
    """Seen to fail with the conditions' own text."""
    found = status_of(widget(("Stalled", "True", "Denied", 'Invalid value: "hunter2": is no port')))
    assert found.reason == "Denied: Invalid value: …: is no port"


KINDS = [
    *[("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")],
    *[("v1", kind) for kind in ("Pod", "Service", "PersistentVolumeClaim", "Namespace", "ReplicationController")],
    ("batch/v1", "Job"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("example.com/v1", "Widget"),
]
NAMES = st.sampled_from(
    ["conditions", "phase", "replicas", "type", "status", "reason", "observedGeneration", "containerStatuses", "name"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(KINDS), JSON, JSON, JSON)
def test_whatever_stands_in_an_object_it_has_a_status(
    kind: tuple[str, str], metadata: object, spec: object, status: object
) -> None:
    found = status_of({"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec, "status": status})
    assert isinstance(found.state, ObjectState)
    assert len(found.reason) <= MOST_REASON
