"""The few fields of Kubernetes objects that krt reads, as they stand in JSON, and what it makes of them.

Decoding takes only what is declared: managedFields, the last applied configuration and the environment of containers
are never kept. A page that holds one odd object is decoded object by object, and only that one is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import intern
from typing import Any

import msgspec

from krt.core.reason import readable
from krt.core.workload import (
    CAUSE,
    MARK,
    OPT,
    RESTARTED_AT,
    Container,
    RolloutStatus,
    Workload,
    WorkloadKey,
    read_image,
)
from krt.logs import Log

log = Log("cluster")

FIELD_MANAGER = "krt"  # as which krt writes
_SELVES = {FIELD_MANAGER, "kube-controller-manager", "k3s"}  # the latter write the number of a Deployment's revision
_TIMED_OUT = "ProgressDeadlineExceeded"


class _Annotations(msgspec.Struct):
    mark: str | None = msgspec.field(name=MARK, default=None)
    cause: str | None = msgspec.field(name=CAUSE, default=None)
    opt: str | None = msgspec.field(name=OPT, default=None)
    restarted_at: str | None = msgspec.field(name=RESTARTED_AT, default=None)


class _ManagedFields(msgspec.Struct):
    manager: str = ""
    time: str = ""
    subresource: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    annotations: _Annotations | None = None
    managed_fields: list[_ManagedFields] | None = None


class _Container(msgspec.Struct, rename="camel"):
    name: str
    image: str = ""
    image_pull_policy: str = ""


class _PodSpec(msgspec.Struct, rename="camel"):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None


class _TemplateMetadata(msgspec.Struct):
    annotations: _Annotations | None = None


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


class WireWorkload(msgspec.Struct):
    """A Deployment, or another kind with a pod template."""

    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str | None = msgspec.field(name="continue", default=None)


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[WireWorkload] | None = None


class _RawPage(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class WatchLine(msgspec.Struct):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class Status(msgspec.Struct):
    """The API server's own account of a refusal."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Account(msgspec.Struct):
    """Who the API server takes krt for; `uid` is empty where it knows none."""

    username: str = ""
    uid: str = ""


class _ReviewStatus(msgspec.Struct, rename="camel"):
    user_info: Account


class _Review(msgspec.Struct):
    status: _ReviewStatus


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    uid: str = ""


class _Odd(msgspec.Struct):
    metadata: _Named


class _Bookmark(msgspec.Struct):
    metadata: _ListMetadata


class Page(msgspec.Struct):
    """One page of a list; `continue_token` asks for the next. A workload is made when it is taken from `workloads`."""

    workloads: Iterator[Workload]
    resource_version: str
    continue_token: str | None


# What decoding raises; msgspec leaves a string that is no UTF-8, and what is nested too deep, to Python's own errors.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_page = msgspec.json.Decoder(_Page)
_raw_page = msgspec.json.Decoder(_RawPage)
_workload = msgspec.json.Decoder(WireWorkload)
_line = msgspec.json.Decoder(WatchLine)
_status = msgspec.json.Decoder(Status)
_odd = msgspec.json.Decoder(_Odd)
_bookmark = msgspec.json.Decoder(_Bookmark)
_review = msgspec.json.Decoder(_Review)


def read_page(kind: str, body: bytes) -> Page:
    """A page of workloads. Raises UNREADABLE where it is no list at all."""
    try:
        page = _page.decode(body)
        items = page.items or []
    except UNREADABLE:
        raw = _raw_page.decode(body)
        return _assembled(kind, raw.metadata, filter(None, map(_one_or_none, raw.items or [])))
    return _assembled(kind, page.metadata, items)


def read_workload(kind: str, body: bytes | msgspec.Raw) -> Workload:
    """One object. Raises UNREADABLE."""
    return _to_workload(kind, _workload.decode(body))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object of which no more than this could be read."""

    key: WorkloadKey
    resource_version: str
    problem: str


def read_changed(kind: str, body: msgspec.Raw) -> Workload | Unreadable:
    """One object of a watch. Raises UNREADABLE where not even its name can be read."""
    try:
        return read_workload(kind, body)
    except UNREADABLE as error:
        metadata = _odd.decode(body).metadata
        return Unreadable(WorkloadKey(kind, metadata.namespace, metadata.name), metadata.resource_version, str(error))


def read_line(line: bytes) -> WatchLine:
    """One line of a watch. Raises UNREADABLE."""
    return _line.decode(line)


def read_bookmark(body: msgspec.Raw) -> str:
    """The resource version that a bookmark vouches for."""
    return _bookmark.decode(body).metadata.resource_version


def read_uid(body: bytes) -> str:
    """The uid of any object. Raises UNREADABLE."""
    return _odd.decode(body).metadata.uid


def read_account(body: bytes) -> Account:
    """Who a SelfSubjectReview says that one is. Raises UNREADABLE."""
    return _review.decode(body).status.user_info


def read_status(body: bytes | msgspec.Raw) -> Status:
    """The Status that a refusal carries; an empty one where it carries none (a proxy in between)."""
    try:
        return _status.decode(body)
    except UNREADABLE:
        return Status()


def _assembled(kind: str, metadata: _ListMetadata, items: Iterable[WireWorkload]) -> Page:
    workloads = (_to_workload(kind, item) for item in items)
    return Page(workloads, metadata.resource_version, metadata.continue_ or None)


def _one_or_none(raw: msgspec.Raw) -> WireWorkload | None:
    try:
        return _workload.decode(raw)
    except UNREADABLE as error:
        log.warning("object_unreadable", problem=error)
        return None


def _to_workload(kind: str, item: WireWorkload) -> Workload:
    metadata, spec = item.metadata, item.spec
    own, template = metadata.annotations or _Annotations(), _template_annotations(spec.template)
    rolling = (spec.update_strategy and spec.update_strategy.rolling_update) or _RollingUpdate()
    manager, managed_at = _last_manager(metadata)
    return Workload(
        key=WorkloadKey(kind, intern(metadata.namespace), metadata.name),
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        generation=metadata.generation,
        created_at=metadata.creation_timestamp or "",
        containers=_containers(spec.template.spec),
        replicas=spec.replicas,
        paused=spec.paused,
        on_delete=spec.update_strategy is not None and spec.update_strategy.type == "OnDelete",
        partition=rolling.partition or 0,
        status=_to_status(item.status),
        restarted_at=template.restarted_at,
        mark=own.mark,
        last_manager=manager,
        last_managed_at=managed_at,
        opt=own.opt,
        deleted_at=metadata.deletion_timestamp,
        first_ordinal=spec.ordinals.start if spec.ordinals else 0,
        at_once=rolling.max_unavailable not in {None, 1},
    )


def _template_annotations(template: _Template) -> _Annotations:
    return (template.metadata and template.metadata.annotations) or _Annotations()


def _containers(spec: _PodSpec | None) -> tuple[Container, ...]:
    every: list[Any] = [*(spec.init_containers or []), *(spec.containers or [])] if spec else []
    return tuple(
        Container(intern(c.name), intern(c.image), read_image(c.image), intern(c.image_pull_policy)) for c in every
    )


def _to_status(status: _Status) -> RolloutStatus:
    # Each kind leaves the others' counters out, so their sum is the one that is there.
    conditions = status.conditions or ()
    return RolloutStatus(
        observed_generation=status.observed_generation,
        replicas=status.replicas,
        updated=status.updated_replicas + status.updated_number_scheduled,
        current=status.current_replicas,
        available=status.available_replicas + status.number_available,
        scheduled=status.desired_number_scheduled,
        misscheduled=status.number_misscheduled,
        deadline_exceeded=next((readable(c.message) for c in conditions if c.reason == _TIMED_OUT), None),
        problems=tuple(readable(f"{c.reason}: {c.message}") for c in conditions if _is_problem(c)),
        unavailable=next((readable(c.message) for c in conditions if (c.type, c.status) == ("Available", "False")), ""),
    )


def _is_problem(condition: _Condition) -> bool:
    # A ReplicaFailure is what the pods' creation met (quota, pod security, an invalid field). A Progressing that is
    # False for another reason than time: the ReplicaSet itself is refused.
    failed = (condition.type, condition.status) in {("ReplicaFailure", "True"), ("Progressing", "False")}
    return failed and condition.reason != _TIMED_OUT


def _last_manager(metadata: _Metadata) -> tuple[str, str]:
    """Who wrote to the object last and after krt, and when; the workload's own controller aside."""
    # Not just whoever was last: to take a field away leaves no trace in managedFields, and then somebody would be named
    # who did nothing. Times are in whole seconds; within krt's own second nobody is named either, nor
    # where two wrote in the last one.
    entries = metadata.managed_fields or ()
    own_time = max((each.time for each in entries if each.manager == FIELD_MANAGER), default="")
    others = [e for e in entries if e.time > own_time and not (e.subresource or e.manager in _SELVES)]
    time = max((each.time for each in others), default="")
    last = {each.manager for each in others if each.time == time}
    return (intern(last.pop()), time) if len(last) == 1 else ("", time)
