"""The status of an object of a built-in kind: a rule for each kind that has one, applied to the object's body. Pure.

Source of the rules: sigs.k8s.io/cli-utils, pkg/kstatus/status/core.go. If krt departs from it, the rule says so. Kinds
without a rule (ConfigMap, Secret, CronJob, Role, Ingress, PodDisruptionBudget …) are current once the controller has
observed their generation.
"""

from collections.abc import Callable, Mapping

from krt.core.kube.fields import conditions_of, number_at, text_at, texts_at
from krt.core.kube.object_status import CURRENT, ObjectStatus, current, failed, in_progress
from krt.core.kube.pod_status import pod

StatusRule = Callable[[Mapping[str, object]], ObjectStatus]

SELECTED_NODE = "volume.kubernetes.io/selected-node"  # on a claim, once a pod that uses it has been scheduled


def claim(body: Mapping[str, object], storage_class: Mapping[str, object] | None) -> ObjectStatus:
    """A PersistentVolumeClaim is current once it is bound. A lost one has failed (kstatus: in progress).

    If the storage class binds at the first consumer, the claim stays Pending until a pod uses it: such a claim counts
    as current. Source: kubernetes.io, Storage Classes, "Volume binding mode".
    """
    phase = text_at(body, "status", "phase")
    if phase == "Bound":
        return CURRENT
    if phase == "Lost":
        return failed("the volume that it was bound to is gone")
    binds_late = text_at(storage_class, "volumeBindingMode") == "WaitForFirstConsumer"
    if binds_late and SELECTED_NODE not in texts_at(body, "metadata", "annotations"):
        return current("it is bound once a pod uses it")
    return in_progress(f"no volume is bound to it yet (phase {phase or 'unknown'})")


def is_complete_job(body: Mapping[str, object]) -> bool:
    """Whether the Job has ended well."""
    found = conditions_of(body).get("Complete")
    return found is not None and found.status == "True"


def _job(body: Mapping[str, object]) -> ObjectStatus:
    """A Job is current once it is complete or suspended (kstatus: once it has started)."""
    conditions = conditions_of(body)
    for kind, make in (("Failed", failed), ("Complete", current), ("Suspended", current)):
        if (found := conditions.get(kind)) and found.status == "True":
            return CURRENT if kind == "Complete" else make(found.text)
    if not text_at(body, "status", "startTime"):
        return in_progress("it has not started")
    active, succeeded, lost = (number_at(body, "status", each) or 0 for each in ("active", "succeeded", "failed"))
    return in_progress(f"{active} pods active, {succeeded} succeeded, {lost} failed")


def _replica_set(body: Mapping[str, object]) -> ObjectStatus:
    """A ReplicaSet or ReplicationController is current once all wanted pods are available and no others exist."""
    if (failure := conditions_of(body).get("ReplicaFailure")) and failure.status == "True":
        return in_progress(failure.text)
    wanted = number_at(body, "spec", "replicas")
    desired = 1 if wanted is None else wanted
    names = ("replicas", "fullyLabeledReplicas", "availableReplicas", "readyReplicas")
    there, labelled, available, ready = (number_at(body, "status", name) or 0 for name in names)
    if min(labelled, available, ready) < desired or there > desired:
        return in_progress(f"{there} pods of {desired}, {available} available")
    return CURRENT


def _service(body: Mapping[str, object]) -> ObjectStatus:
    is_balanced = text_at(body, "spec", "type") == "LoadBalancer"
    return (
        in_progress("it has no cluster IP yet") if is_balanced and not text_at(body, "spec", "clusterIP") else CURRENT
    )


def _definition(body: Mapping[str, object]) -> ObjectStatus:
    """A CustomResourceDefinition is current once it is established, and failed if another one has its names."""
    names, established = (conditions_of(body).get(kind) for kind in ("NamesAccepted", "Established"))
    if names and names.status == "False":
        return failed(names.text)
    if established and established.status == "True":
        return CURRENT
    if established and established.status == "False" and established.reason != "Installing":
        return failed(established.text)
    return in_progress("it is not established yet")


def _api_service(body: Mapping[str, object]) -> ObjectStatus:
    """An APIService is current once it is available: before that, each list of its kinds fails (kstatus: no rule)."""
    available = conditions_of(body).get("Available")
    if available and available.status == "True":
        return CURRENT
    return in_progress(available.text if available else "it has not been tried yet")


BUILTIN: Mapping[tuple[str, str], StatusRule] = {
    ("", "Pod"): pod,
    ("", "Service"): _service,
    ("", "ReplicationController"): _replica_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
