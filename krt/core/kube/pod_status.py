"""The status of a Pod that was applied by itself: current once it is ready, or has succeeded. Pure.

Source: sigs.k8s.io/cli-utils, pkg/kstatus/status/core.go, podConditions. krt departs from it twice. A Pod that failed
has failed (kstatus: current). A Pod that cannot be scheduled is in progress (kstatus: failed after 15 s), because an
autoscaler may add a node for it.
"""

from collections.abc import Iterator, Mapping

from krt.core.kube.fields import conditions_of, items_at, number_at, text_at
from krt.core.kube.object_status import CURRENT, ObjectStatus, failed, in_progress

_ON_THEIR_WAY = {"ContainerCreating", "PodInitializing"}
_CRASHING = "CrashLoopBackOff"


def pod(body: Mapping[str, object]) -> ObjectStatus:
    """The status of the Pod with this body, whose deletion has not begun."""
    phase, conditions = text_at(body, "status", "phase"), conditions_of(body)
    ready, scheduled = conditions.get("Ready"), conditions.get("PodScheduled")
    if phase == "Succeeded" or (phase == "Running" and ready and ready.status == "True"):
        return CURRENT
    if phase == "Failed":
        return failed(text_at(body, "status", "reason"), text_at(body, "status", "message"), *_ended(body))
    if phase == "Running" and _CRASHING in _waiting(body).values():
        return failed(*_waits(body), *_ended(body))
    if scheduled and scheduled.status == "False":
        return in_progress(scheduled.text)
    return in_progress(ready.text if ready else f"phase {phase or 'unknown'}", *_waits(body), *_ended(body))


def _waits(body: Mapping[str, object]) -> Iterator[str]:
    return (f"{name}: {reason}" for name, reason in _waiting(body).items() if reason not in _ON_THEIR_WAY)


def _waiting(body: Mapping[str, object]) -> dict[str, str]:
    """The reason why a container waits, by the container's name."""
    reasons = ((text_at(each, "name"), text_at(each, "state", "waiting", "reason")) for each in _containers(body))
    return {name: reason for name, reason in reasons if reason}


def _ended(body: Mapping[str, object]) -> Iterator[str]:
    """A clause for each container that ended with an exit code other than 0."""
    for each in _containers(body):
        for state in ("state", "lastState"):
            code, why = number_at(each, state, "terminated", "exitCode"), text_at(each, state, "terminated", "reason")
            if code:
                yield f"{text_at(each, 'name')} ended with exit code {code}{f' ({why})' if why else ''}"


def _containers(body: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
    return (*items_at(body, "status", "initContainerStatuses"), *items_at(body, "status", "containerStatuses"))
