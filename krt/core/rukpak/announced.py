"""A BundleDeployment as a workload that an event reaches: its image, its annotations, the stage of its delivery. Pure.

Only declared fields are decoded, as for other workloads. When the delivery for an announcement has ended, well or
badly, the controller sets `status.handled` to this announcement, in one write with the conditions of the end.
"""

from sys import intern

import msgspec

from krt.core.kube.object_fields import Annotations, Metadata, last_manager
from krt.core.kube.workload import BundleStatus, Container, RolloutStatus, Workload, read_image
from krt.core.reason import readable
from krt.core.rukpak.conditions import HAS_VALID_BUNDLE, HEALTHY, INSTALLED
from krt.core.rukpak.names import BUNDLE_DEPLOYMENT, CLASSES

_NEEDED = (INSTALLED, HEALTHY)
_IN_ORDER = (HAS_VALID_BUNDLE, INSTALLED, HEALTHY)  # the first one that does not hold is the cause of the others


class _Image(msgspec.Struct):
    ref: str = ""


class _Source(msgspec.Struct):
    image: _Image | None = None


class _BundleSpec(msgspec.Struct):
    source: _Source | None = None


class _Template(msgspec.Struct):
    spec: _BundleSpec | None = None


class _Spec(msgspec.Struct, rename="camel"):
    provisioner_class_name: str = ""
    template: _Template | None = None


class _Condition(msgspec.Struct, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = 0


class _Status(msgspec.Struct, rename="camel"):
    handled: str = ""
    resolved_source: _Source | None = None
    conditions: list[_Condition] | None = None


class AnnouncedFields(msgspec.Struct):
    """The decoded fields of a BundleDeployment."""

    metadata: Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def to_workload(item: AnnouncedFields) -> Workload:
    """The BundleDeployment with these fields."""
    metadata, own = item.metadata, item.metadata.annotations or Annotations()
    manager, managed_at = last_manager(metadata)
    return Workload(
        key=BUNDLE_DEPLOYMENT.key("", metadata.name),
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        generation=metadata.generation,
        created_at=metadata.creation_timestamp or "",
        containers=_containers(item.spec),
        replicas=0,
        paused=False,
        on_delete=False,
        partition=0,
        status=RolloutStatus(),
        restarted_at=_announced_at(own),
        mark=own.mark,
        last_manager=manager,
        last_managed_at=managed_at,
        opt=own.opt,
        deleted_at=metadata.deletion_timestamp,
        bundle=_status(item.status, own, metadata.generation),
        is_foreign=item.spec.provisioner_class_name not in CLASSES,
    )


def _containers(spec: _Spec) -> tuple[Container, ...]:
    """The image of the bundle; none if the bundle comes from elsewhere."""
    bundle = spec.template.spec if spec.template else None
    ref = _ref(bundle.source if bundle else None)
    # The controller always asks the registry, as the kubelet does with the pull policy Always.
    return (Container("bundle", intern(ref), read_image(ref), "Always"),) if ref else ()


def _announced_at(own: Annotations) -> str | None:
    """The time in the mark; None if krt/announced is not the event for which the mark was written."""
    parts = own.mark.split(" ") if own.mark else []
    return parts[2] if len(parts) == 3 and parts[1] == own.announced else None


def _status(status: _Status, own: Annotations, generation: int) -> BundleStatus:
    conditions = {each.type: each for each in status.conditions or ()}
    is_current = all(name in conditions and conditions[name].observed_generation == generation for name in _NEEDED)
    is_handled = status.handled == own.announced if own.announced else is_current
    is_good = all(name in conditions and conditions[name].status == "True" for name in _NEEDED)
    problem = _problem(conditions, None if is_handled else generation)
    # If the new bundle is bad, the installed objects stay installed and healthy: these two alone are not a success.
    return BundleStatus(
        is_handled=is_handled,
        is_ready=is_good and not problem,
        digest=_ref(status.resolved_source).partition("@")[2],
        problem=problem,
    )


def _problem(conditions: dict[str, _Condition], generation: int | None) -> str:
    """The message of the first condition that is False, or "". If `generation` is given, only its conditions count."""
    found = (conditions[name] for name in _IN_ORDER if name in conditions)
    failed = (each for each in found if each.status == "False" and generation in {None, each.observed_generation})
    return next((readable(each.message or each.reason) for each in failed), "")


def _ref(source: _Source | None) -> str:
    return source.image.ref if source and source.image else ""
