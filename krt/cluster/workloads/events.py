"""Writes a Kubernetes Event for each restart if KRT_KUBERNETES_EVENTS is set. `kubectl describe` shows the Event.

An Event is for people only. So no restart waits for an Event, and krt tries to write each only once.
"""

import json
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from typing import Any

import trio

from krt.cluster.transport import Transport
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.object_time import micro_spelled
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import REACHABLE
from krt.core.kube.workload import Workload
from krt.errors import ClusterError
from krt.logs import Log

_EVENT = Resource("events.k8s.io", "v1", "Event", "events")

log = Log("cluster")

MOST_WAITING = 256
_OF_NO_NAMESPACE = "default"  # Kubernetes allows an Event about an object without a namespace only there
_MOST_NOTE_BYTES = 1024  # the API server refuses more
_MOST_INSTANCE = 128  # characters; the API server refuses more


class EventQueue:
    """Writes one Event after another. While `most_waiting` Events wait, a further one is left out.

    `say` is called with each problem, but only once if the same one follows.
    """

    def __init__(self, transport: Transport, most_waiting: int, say: Callable[[str], None]) -> None:
        self._transport, self._most, self._tell = transport, most_waiting, say
        self._in, self._out = trio.open_memory_channel[Callable[[], Mapping[str, Any]]](most_waiting)
        self._problem = ""

    def note(self, event: Callable[[], Mapping[str, Any]]) -> None:
        """Note an Event, which is made when its turn has come. Returns at once."""
        try:
            self._in.send_nowait(event)
        except trio.WouldBlock:
            self._say(f"{self._most} Events are waiting already")

    async def write(self) -> None:
        """Write each Event. Never returns. A problem is told again if another one or a success came between."""
        async for made in self._out:
            try:
                event = made()
                await create_event(self._transport, event["metadata"]["namespace"], event)
                self._problem = ""
            except ClusterError as error:
                self._say(str(error))

    def _say(self, problem: str) -> None:
        if problem != self._problem:  # once, not at every Event
            self._problem = problem
            self._tell(problem)


class EventWriter:
    """Writes an Event for each restart. While MOST_WAITING Events wait, a further restart gets none."""

    def __init__(self, transport: Transport) -> None:
        self._queue = EventQueue(transport, MOST_WAITING, _say)
        self.write = self._queue.write

    def restarted(self, workload: Workload, cause: str) -> None:
        """Note that `workload` was restarted for `cause`. Returns at once."""
        self._queue.note(partial(event_of, workload, cause, datetime.now(UTC)))


def _say(problem: str) -> None:
    log.warning("kubernetes_event_not_written", problem=problem)


async def create_event(transport: Transport, namespace: str, event: Mapping[str, Any]) -> None:
    """Create a Kubernetes Event. Raises Conflict and NotThere, in addition to the errors of every call."""
    headers = {"Content-Type": "application/json"}
    path = _EVENT.collection_path(namespace)
    await transport.call("POST", path, content=json.dumps(event).encode(), headers=headers)


def event_of(workload: Workload, cause: str, at: datetime) -> Mapping[str, Any]:
    """The Event of a restart. `at` is in UTC."""
    key = workload.key
    regarding = {
        "apiVersion": REACHABLE[key.kind].api_version,
        "kind": key.kind,
        **({"namespace": key.namespace} if key.namespace else {}),
        "name": key.name,
        "uid": workload.uid,
        "resourceVersion": workload.resource_version,
    }
    return event_about(regarding, "Restarted", "Restart", f"restarted for {cause}", at)


def event_about(
    regarding: Mapping[str, str], reason: str, action: str, note: str, at: datetime, *, is_warning: bool = False
) -> Mapping[str, Any]:
    """An Event as the fields of its JSON (kubernetes.io/docs, "Event v1 events.k8s.io"). `at` is in UTC.

    `regarding` refers to an object; `reason` and `action` are words such as Restarted and Restart.
    """
    name = f"{regarding['name'][:200].rstrip('-.')}.{token_hex(8)}"
    return {
        "apiVersion": _EVENT.api_version,
        "kind": _EVENT.kind,
        "metadata": {"name": name, "namespace": regarding.get("namespace", _OF_NO_NAMESPACE)},
        "eventTime": micro_spelled(at),
        "reportingController": FIELD_MANAGER,
        "reportingInstance": (platform.node() or FIELD_MANAGER)[:_MOST_INSTANCE],
        "type": "Warning" if is_warning else "Normal",
        "reason": reason,
        "action": action,
        "note": note.encode()[:_MOST_NOTE_BYTES].decode(errors="ignore"),
        "regarding": dict(regarding),
    }
