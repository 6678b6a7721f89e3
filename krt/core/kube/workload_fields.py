"""The few JSON fields of a workload that krt reads, and the `Workload` that krt makes from them. Pure.

Only declared fields are decoded. So krt never keeps the last applied configuration, the environment of containers, or
more than three fields of each entry in managedFields.
"""

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

import msgspec

from krt.core.kube.object_fields import Annotations, Metadata, last_manager
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from krt.core.kube.workload import Container, RolloutStatus, Workload, read_image
from krt.core.reason import readable

_TIMED_OUT = "ProgressDeadlineExceeded"


class _Container(msgspec.Struct, rename="camel"):
    name: str
    image: str = ""
    image_pull_policy: str = ""


class _PodSpec(msgspec.Struct, rename="camel"):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None


class _TemplateMetadata(msgspec.Struct):
    annotations: Annotations | None = None


class _Template(msgspec.Struct):
    metadata: _TemplateMetadata | None = None
    spec: _PodSpec | None = None


class _RollingUpdate(msgspec.Struct, rename="camel"):
    partition: int | None = None
    max_unavailable: int | str | None = None


class _UpdateStrategy(msgspec.Struct, rename="camel"):
    type: str = ""
    rolling_update: _RollingUpdate | None = None


class _Ordinals(msgspec.Struct):
    start: int = 0


class _Spec(msgspec.Struct, rename="camel"):
    template: _Template = msgspec.field(default_factory=_Template)
    replicas: int = 1
    paused: bool = False
    update_strategy: _UpdateStrategy | None = None
    ordinals: _Ordinals | None = None


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct, rename="camel"):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    current_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_misscheduled: int = 0
    conditions: list[_Condition] | None = None


class WorkloadFields(msgspec.Struct):
    """The decoded fields of a Deployment, StatefulSet or DaemonSet."""

    metadata: Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def to_workload(resource: Resource, item: WorkloadFields) -> Workload:
    """The workload with these fields; `resource` is one of RESTARTABLE."""
    metadata, spec = item.metadata, item.spec
    own, template = metadata.annotations or Annotations(), _template_annotations(spec.template)
    rolling = (spec.update_strategy and spec.update_strategy.rolling_update) or _RollingUpdate()
    manager, managed_at = last_manager(metadata)
    return Workload(
        key=resource.key(intern(metadata.namespace), metadata.name),
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        generation=metadata.generation,
        created_at=metadata.creation_timestamp or "",
        containers=_containers(spec.template.spec),
        replicas=spec.replicas,
        paused=spec.paused,
        on_delete=spec.update_strategy is not None and spec.update_strategy.type == "OnDelete",
        partition=rolling.partition or 0,
        status=_COUNTED[resource.kind](item.status),
        restarted_at=template.restarted_at,
        mark=own.mark,
        last_manager=manager,
        last_managed_at=managed_at,
        opt=own.opt,
        deleted_at=metadata.deletion_timestamp,
        first_ordinal=spec.ordinals.start if spec.ordinals else 0,
        at_once=rolling.max_unavailable not in {None, 1},
    )


def _template_annotations(template: _Template) -> Annotations:
    return (template.metadata and template.metadata.annotations) or Annotations()


def _containers(spec: _PodSpec | None) -> tuple[Container, ...]:
    every: list[Any] = [*(spec.init_containers or []), *(spec.containers or [])] if spec else []
    return tuple(
        Container(intern(c.name), intern(c.image), read_image(c.image), intern(c.image_pull_policy)) for c in every
    )


def _counted_in_pods(status: _Status) -> RolloutStatus:
    return RolloutStatus(
        replicas=status.replicas,
        updated=status.updated_replicas,
        current=status.current_replicas,
        available=status.available_replicas,
        **_conditions(status),
    )


def _counted_in_nodes(status: _Status) -> RolloutStatus:
    return RolloutStatus(
        updated=status.updated_number_scheduled,
        available=status.number_available,
        scheduled=status.desired_number_scheduled,
        misscheduled=status.number_misscheduled,
        **_conditions(status),
    )


def _conditions(status: _Status) -> dict[str, Any]:
    conditions = status.conditions or ()
    return {
        "observed_generation": status.observed_generation,
        "deadline_exceeded": next((readable(c.message) for c in conditions if c.reason == _TIMED_OUT), None),
        "problems": tuple(readable(f"{c.reason}: {c.message}") for c in conditions if _is_problem(c)),
        "unavailable": next(
            (readable(c.message) for c in conditions if (c.type, c.status) == ("Available", "False")), ""
        ),
    }


def _is_problem(condition: _Condition) -> bool:
    # ReplicaFailure: pods cannot be created (quota, pod security, an invalid field). Progressing is False for another
    # reason than time: the API server refuses the ReplicaSet itself.
    failed = (condition.type, condition.status) in {("ReplicaFailure", "True"), ("Progressing", "False")}
    return failed and condition.reason != _TIMED_OUT


_COUNTED: Mapping[str, Callable[[_Status], RolloutStatus]] = {
    DEPLOYMENT.kind: _counted_in_pods,
    STATEFUL_SET.kind: _counted_in_pods,
    DAEMON_SET.kind: _counted_in_nodes,
}
