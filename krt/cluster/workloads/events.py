"""Tells of restarts by Kubernetes Events on the workloads (`kubectl describe` shows them), if the operator wants that.

An Event is for people: what cannot be written soon is not written, and no restart waits for one.
"""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import trio

from krt.cluster.transport import Transport
from krt.cluster.workloads.wire import FIELD_MANAGER
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.workload import Workload
from krt.errors import ClusterError
from krt.logs import Log

_EVENT = Resource("events.k8s.io", "v1", "Event", "events")

log = Log("cluster")

MOST_WAITING = 256
_MOST_NOTE_BYTES = 1024  # the API server refuses more, and names of instances above 128
_MOST_INSTANCE = 128


class EventWriter:
    """Writes one Event after another. If MOST_WAITING are waiting, it leaves out further ones."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._restarts_in, self._restarts_out = trio.open_memory_channel[tuple[Workload, str, datetime]](MOST_WAITING)
        self._problem = ""

    def restarted(self, workload: Workload, cause: str) -> None:
        """The workload was restarted, for that. Returns at once."""
        try:
            self._restarts_in.send_nowait((workload, cause, datetime.now(UTC)))
        except trio.WouldBlock:
            self._say(f"more than {MOST_WAITING} are waiting")

    async def write(self) -> None:
        """Write an Event for each restart, for ever."""
        async for workload, cause, at in self._restarts_out:
            try:
                await create_event(self._transport, workload.key.namespace, event_of(workload, cause, at))
                self._problem = ""
            except ClusterError as error:
                self._say(str(error))

    def _say(self, problem: str) -> None:
        if problem != self._problem:  # once, not at every restart
            self._problem = problem
            log.warning("kubernetes_event_not_written", problem=problem)


async def create_event(transport: Transport, namespace: str, event: Mapping[str, Any]) -> None:
    """Create a Kubernetes Event. Raises Conflict and NotThere, besides what every call does."""
    headers = {"Content-Type": "application/json"}
    path = _EVENT.collection_path(namespace)
    await transport.call("POST", path, content=json.dumps(event).encode(), headers=headers)


def event_of(workload: Workload, cause: str, at: datetime) -> Mapping[str, Any]:
    """The Event, as JSON (kubernetes.io/docs, "Event v1 events.k8s.io")."""
    key = workload.key
    name = f"{key.name[:200].rstrip('-.')}.{token_hex(8)}"
    return {
        "apiVersion": _EVENT.api_version,
        "kind": _EVENT.kind,
        "metadata": {"name": name, "namespace": key.namespace},
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": FIELD_MANAGER,
        "reportingInstance": (platform.node() or FIELD_MANAGER)[:_MOST_INSTANCE],
        "type": "Normal",
        "reason": "Restarted",
        "action": "Restart",
        "note": f"restarted for {cause}".encode()[:_MOST_NOTE_BYTES].decode(errors="ignore"),
        "regarding": {
            "apiVersion": RESTARTABLE[key.kind].api_version,
            "kind": key.kind,
            "namespace": key.namespace,
            "name": key.name,
            "uid": workload.uid,
            "resourceVersion": workload.resource_version,
        },
    }
