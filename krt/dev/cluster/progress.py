"""Computes the replacement of pods, step by step, and each kind's status for it. Pure.

The order of steps and the reasons are those observed on kube-controller-manager 1.36.3.
"""

import hashlib
from dataclasses import dataclass, replace

import msgspec

from krt.dev.cluster.kinds import Json

NODES = 2  # a DaemonSet wants one pod on each


@dataclass(frozen=True, slots=True)
class Pods:
    """All `old` pods are ready; `ready` counts the ready `new` ones. `terminating` pods are neither old nor new."""

    old: int
    new: int
    ready: int
    terminating: int = 0

    @property
    def total(self) -> int:
        """Old and new pods."""
        return self.old + self.new

    @property
    def available(self) -> int:
        """Pods that are ready."""
        return self.old + self.ready


@dataclass(frozen=True, slots=True)
class Moment:
    """The input for a status. `planned` are the pods after the controllers' next step."""

    document: Json
    pods: Pods
    planned: Pods
    desired: int
    now: str
    timed_out: bool = False

    @property
    def complete(self) -> bool:
        """Whether all pods are new and ready."""
        return replace(self.pods, terminating=0) == Pods(0, self.desired, self.desired)

    @property
    def revision(self) -> str:
        """The name of the ReplicaSet or ControllerRevision for the present template."""
        template = msgspec.json.encode(self.document["spec"]["template"], order="sorted")
        return f"{self.document['metadata']['name']}-{hashlib.sha256(template).hexdigest()[:10]}"


def outdated(pods: Pods) -> Pods:
    """The pods after a change of the template: ready ones become old, the others are dropped."""
    return Pods(pods.available, 0, 0)


def advance(pods: Pods, desired: int, *, surge: bool, fails: bool) -> Pods:
    """The pods after the next step: new pods get ready, old ones leave, new ones are created.

    With `surge` new pods are created before old ones leave. With `fails` new pods never get ready.
    """
    pods = replace(pods, terminating=0)
    if pods.new > desired:
        return replace(pods, new=desired, ready=min(pods.ready, desired), terminating=pods.new - desired)
    if pods.ready < pods.new:
        return pods if fails else replace(pods, ready=pods.new)
    batch = max(1, -(-desired // 4)) if surge else 1  # 25 %, rounded up
    full = pods.total > desired or (pods.total == desired and not surge)
    if pods.old and full:
        leaving = min(batch, pods.old)
        return replace(pods, old=pods.old - leaving, terminating=leaving)
    if not pods.old and surge:
        return replace(pods, new=desired)
    return replace(pods, new=min(desired, pods.new + batch))


def deployment_status(moment: Moment) -> Json:
    """A Deployment's status. Like the real server, it leaves out counts of 0, except `terminatingReplicas`."""
    pods = moment.pods
    counts = {
        "observedGeneration": moment.document["metadata"]["generation"],
        "replicas": pods.total,
        "updatedReplicas": pods.new,
        "readyReplicas": pods.available,
        "availableReplicas": pods.available,
        "unavailableReplicas": max(0, max(pods.total, moment.planned.total) - pods.available),
    }
    conditions = [_condition(moment, *_available(moment)), _condition(moment, *_progressing(moment))]
    known = {name: count for name, count in counts.items() if count}
    return {**known, "terminatingReplicas": pods.terminating, "conditions": conditions}


def deployment_announcement(moment: Moment, *, new_template: bool) -> Json:
    """The status that the controller writes first: a new condition, with the old observedGeneration and counts."""
    before: Json = moment.document["status"]
    if moment.document["spec"].get("paused"):
        condition = _condition(moment, *_progressing(moment))
    elif new_template:
        condition = _condition(moment, *_created(moment))
    else:
        return before
    others = [each for each in before.get("conditions", ()) if each["type"] != condition["type"]]
    return {**before, "conditions": [*others, condition]}


def statefulset_status(moment: Moment) -> Json:
    """A StatefulSet's status."""
    pods, revision = moment.pods, moment.revision
    current = revision if moment.complete else moment.document["status"].get("currentRevision", revision)
    counts = {
        "readyReplicas": pods.available,
        "currentReplicas": pods.new if moment.complete or current == revision else pods.old,
        "updatedReplicas": pods.new,
    }
    return {
        "observedGeneration": moment.document["metadata"]["generation"],
        "replicas": pods.total,
        **{name: count for name, count in counts.items() if count},
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
        "availableReplicas": pods.available,
    }


def daemonset_status(moment: Moment) -> Json:
    """A DaemonSet's status."""
    pods = moment.pods
    counts = {
        "updatedNumberScheduled": pods.new,
        "numberAvailable": pods.available,
        "numberUnavailable": moment.desired - pods.available,
    }
    return {
        "currentNumberScheduled": min(pods.total, moment.desired),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": moment.desired,
        "numberReady": pods.available,
        "observedGeneration": moment.document["metadata"]["generation"],
        **{name: count for name, count in counts.items() if count},
    }


def _available(moment: Moment) -> tuple[str, str, str, str]:
    if moment.pods.available >= moment.desired - moment.desired // 4:
        return "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
    return (
        "Available",
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )


def _progressing(moment: Moment) -> tuple[str, str, str, str]:
    subject = f'ReplicaSet "{moment.revision}"'
    if moment.timed_out:
        return "Progressing", "False", "ProgressDeadlineExceeded", f"{subject} has timed out progressing."
    if moment.document["spec"].get("paused"):
        return "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"
    if moment.complete:
        return "Progressing", "True", "NewReplicaSetAvailable", f"{subject} has successfully progressed."
    if not moment.pods.new:
        return _created(moment)
    return "Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing."


def _created(moment: Moment) -> tuple[str, str, str, str]:
    return "Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{moment.revision}"'


def _condition(moment: Moment, name: str, value: str, reason: str, message: str) -> Json:
    known = moment.document["status"].get("conditions", ())
    last: Json = next((condition for condition in known if condition["type"] == name), {})
    if (last.get("status"), last.get("reason"), last.get("message")) == (value, reason, message):
        return last
    since = last.get("lastTransitionTime", moment.now) if last.get("status") == value else moment.now
    stamps = {"lastUpdateTime": moment.now, "lastTransitionTime": since}
    return {"type": name, "status": value, **stamps, "reason": reason, "message": message}
