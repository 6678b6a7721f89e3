"""The restart of a target for one change of a published Secret: its patch, and whether it was made. Pure."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from krt.core.delivery.restart_steps import RestartTargetNow
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import Publication
from krt.core.kube.fields import text_at
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.workload import CAUSE, RESTARTED_AT, Workload
from krt.core.kube.workload_fields import WorkloadFields, to_workload
from krt.core.restart.mark import is_in_force, next_restart


def restart_patch(
    publication: Publication, step: RestartTargetNow, body: Mapping[str, object], *, cause: str, now: datetime
) -> dict[str, object]:
    """The merge patch for the step, to be sent to the target with this body.

    The API server refuses the patch if the target has changed since it was read. One write sets the restart and the
    annotation that names the change: no reader sees one without the other. `cause` tells people why.
    """
    workload = workload_of(step.target, body)
    assert workload is not None
    restarted_at = next_restart(workload, now)
    annotations = {bundle_annotation(publication.secret): f"{step.change} {restarted_at}", CAUSE: cause}
    return {
        "metadata": {"resourceVersion": workload.resource_version, "annotations": annotations},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}},
    }


def bundle_annotation(secret: str) -> str:
    """The name of the annotation on a target with the last change of this Secret that restarted it, and the time."""
    return f"krt/bundle-{sha256(secret.encode()).hexdigest()[:8]}"


def is_restarted(
    publication: Publication, change: str, body: Mapping[str, object] | None, workload: Workload, now: datetime
) -> bool:
    """Whether the target with this body was restarted for the change, and nobody has taken the restart back."""
    found, _, made_at = text_at(body, "metadata", "annotations", bundle_annotation(publication.secret)).partition(" ")
    return found == change and is_in_force(made_at, workload, now)


def workload_of(target: RestartTarget, body: Mapping[str, object] | None) -> Workload | None:
    """The fields of the target with this body; None if there is no body, or if it is not one of the target's kind."""
    try:
        return to_workload(RESTARTABLE[target.kind], msgspec.convert(body, WorkloadFields))
    except (msgspec.ValidationError, RecursionError):
        return None
