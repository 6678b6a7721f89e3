"""A pod as the tests' kubelet sees it, and the statuses it can give one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str
    uid: str
    resource_version: str
    labels: dict[str, str] = {}
    deletion_timestamp: str | None = None


class Container(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    image: str


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    containers: tuple[Container, ...]
    node_name: str | None = None


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    status: str


class Status(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = "Pending"
    reason: str | None = None
    conditions: tuple[Condition, ...] = ()


class Pod(msgspec.Struct, frozen=True, rename="camel"):
    metadata: Metadata
    spec: Spec
    status: Status = Status()

    @property
    def ready(self) -> bool:
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)


@dataclass(frozen=True, slots=True)
class Ready:
    """Runs, and becomes ready so many seconds after it was seen first."""

    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Unready:
    """Runs and does not become ready; one that was ready is ready no longer."""

    reason: str = "readiness probe failed"


@dataclass(frozen=True, slots=True)
class Broken:
    """Never runs: its containers wait, for this reason."""

    reason: str = "ImagePullBackOff"


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Has run to its end, as the pod of a Job."""


Fate = Ready | Unready | Broken | Succeeded
Decide = Callable[[Pod], Fate]


def has_met(pod: Pod, fate: Fate) -> bool:
    if pod.status.phase == "Succeeded":
        return True  # for good
    match fate:
        case Succeeded():
            return False
        case Ready():
            return pod.ready
        case Unready(reason) | Broken(reason):
            return pod.status.reason == reason and not pod.ready


def status_of(pod: Pod, fate: Fate) -> dict[str, Any]:
    """The status that makes it so, for a strategic merge patch."""
    is_ready = isinstance(fate, Ready)
    flag = "True" if is_ready else "False"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "phase": _phase(fate),
        "reason": fate.reason if isinstance(fate, Unready | Broken) else None,
        "conditions": [
            {"type": condition, "status": flag, "lastTransitionTime": now} for condition in ("ContainersReady", "Ready")
        ],
        "containerStatuses": [_container_status(each, fate, now) for each in pod.spec.containers],
    }


def _container_status(container: Container, fate: Fate, now: str) -> dict[str, Any]:
    is_broken = isinstance(fate, Broken)
    return {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "restartCount": 0,
        "ready": isinstance(fate, Ready),
        "started": not is_broken,
        "state": _container_state(fate, now),
    }


def _phase(fate: Fate) -> str:
    phases: dict[type[Fate], str] = {Broken: "Pending", Succeeded: "Succeeded"}
    return phases.get(type(fate), "Running")


def _container_state(fate: Fate, now: str) -> dict[str, Any]:
    match fate:
        case Broken(reason):
            return {"waiting": {"reason": reason}}
        case Succeeded():
            return {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    return {"running": {"startedAt": now}}
