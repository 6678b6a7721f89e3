"""The status of any object, by the fields of its body as the API server sent it. Pure.

Source: sigs.k8s.io/cli-utils, pkg/kstatus/status (generic.go, core.go, status.go). The rules for every kind come first:
a deletion that has begun; a generation that the controller has not observed yet; the conditions Stalled and
Reconciling. The rules of the built-in kinds follow (`builtin_status.py`). The condition Ready comes last, for any other
kind that has one. An object without any of these is current. For Deployments, StatefulSets and DaemonSets only the rule
about deletion holds, and those of `rollout.py`.

krt departs from kstatus where the wait for an object would end too early, or too late:

- Stalled counts before Reconciling, in whatever order the two stand: a controller may try again after it has given up.
- A Job is current once it is complete, not once it has started. A failed Pod and a lost claim have failed.
- A Pod that cannot be scheduled is in progress, not failed: a node may be added for it.
- Ready=True for an older generation (meta/v1, Condition, observedGeneration) does not count.
"""

from collections.abc import Iterator, Mapping

import msgspec

from krt.core.kube.builtin_status import BUILTIN, claim
from krt.core.kube.fields import conditions_of, field_at, number_at, text_at
from krt.core.kube.object_status import CURRENT, ObjectStatus, current, failed, in_progress, terminating
from krt.core.kube.restartable import DEPLOYMENT, RESTARTABLE
from krt.core.kube.rollout import Counts, Progressing, Ready, Stuck, Untracked, stage_of
from krt.core.kube.workload_fields import WorkloadFields, to_workload

_TERMINATING = "its deletion has begun"
_MOST_FINALIZERS = 5


def status_of(body: Mapping[str, object], *, storage_class: Mapping[str, object] | None = None) -> ObjectStatus:
    """The status of the object with this body.

    `storage_class` is a PersistentVolumeClaim's StorageClass, if that could be read: `builtin_status.claim` needs it.
    """
    group, _, _ = text_at(body, "apiVersion").rpartition("/")
    kind = text_at(body, "kind")
    if group == DEPLOYMENT.group and kind in RESTARTABLE:
        return _terminating(body) or _workload(kind, body)
    if decided := _generic(body):
        return decided
    if (group, kind) == ("", "PersistentVolumeClaim"):
        return claim(body, storage_class)
    rule = BUILTIN.get((group, kind))
    return rule(body) if rule else _by_ready(body)


def _generic(body: Mapping[str, object]) -> ObjectStatus | None:
    if gone := _terminating(body):
        return gone
    generation, observed = number_at(body, "metadata", "generation"), number_at(body, "status", "observedGeneration")
    if generation is not None and observed is not None and observed != generation:
        return in_progress(f"its controller has observed generation {observed} of {generation}")
    conditions = conditions_of(body)
    if (stalled := conditions.get("Stalled")) and stalled.status == "True":
        return failed(stalled.text)
    if (reconciling := conditions.get("Reconciling")) and reconciling.status == "True":
        return in_progress(reconciling.text)
    return None


def _terminating(body: Mapping[str, object]) -> ObjectStatus | None:
    if not text_at(body, "metadata", "deletionTimestamp"):
        return None
    held = field_at(body, "metadata", "finalizers")
    by = ", ".join(map(str, held[:_MOST_FINALIZERS])) if isinstance(held, list) and held else ""
    return terminating(_TERMINATING, f"finalizers: {by}" if by else "", *_remaining(body))


def _remaining(body: Mapping[str, object]) -> Iterator[str]:
    """The reasons why a Namespace is still there: conditions such as NamespaceContentRemaining."""
    for kind, condition in conditions_of(body).items():
        if kind.startswith("Namespace") and condition.status == "True":
            yield condition.message


def _workload(kind: str, body: Mapping[str, object]) -> ObjectStatus:
    """The status by the rules of `krt notify --wait`.

    If only a person can replace the old pods, the workload is current once all its pods are available, old or new.
    """
    try:
        workload = to_workload(RESTARTABLE[kind], msgspec.convert(body, WorkloadFields))
    except (msgspec.ValidationError, RecursionError):
        return in_progress("its fields are not those of its kind")
    match stage_of(workload):
        case Ready():
            return CURRENT
        case Stuck(_, reason):
            return failed(reason)
        case Progressing(counts, reason):
            return in_progress(_counted(counts), reason)
        case Untracked(counts, reason) if counts.available < counts.desired:
            return in_progress(_counted(counts), reason)
        case Untracked(_, reason):
            return current(reason)


def _counted(counts: Counts) -> str:
    return f"{counts.updated} of {counts.desired} pods updated, {counts.available} available"


def _by_ready(body: Mapping[str, object]) -> ObjectStatus:
    """The status by the condition Ready. Ready=False may be temporary, so the object is in progress.

    If the condition's status is not True, False or Unknown, the condition does not count.
    """
    ready, generation = conditions_of(body).get("Ready"), number_at(body, "metadata", "generation")
    if ready is None or ready.status not in {"True", "False", "Unknown"}:
        return CURRENT
    if ready.status != "True":
        return in_progress(ready.text)
    is_old = ready.observed is not None and generation is not None and ready.observed < generation
    return in_progress(f"it was ready at generation {ready.observed} of {generation}") if is_old else CURRENT
