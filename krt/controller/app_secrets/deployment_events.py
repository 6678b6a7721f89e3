"""Writes Kubernetes Events about linked Deployments: `kubectl describe deployment` shows what krt did, and why not.

An Event is for people only. So no delivery waits for one, and krt tries to write each only once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import trio

from krt.cluster.transport import Transport
from krt.cluster.workloads.events import create_event, event_about
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.kube.restartable import DEPLOYMENT
from krt.errors import ClusterError
from krt.logs import Log

log = Log("controller")

MOST_WAITING = 1024


class DeploymentEvents:
    """Writes one Event after another. While MOST_WAITING Events wait, further ones are left out."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._noted_in, self._noted_out = trio.open_memory_channel[Mapping[str, Any]](MOST_WAITING)
        self._problem = ""

    def note(self, about: LinkedDeployment, reason: str, note: str, *, is_warning: bool = False) -> None:
        """Note that something has happened to the Deployment. Returns at once."""
        regarding = {
            "apiVersion": DEPLOYMENT.api_version,
            "kind": DEPLOYMENT.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
            "resourceVersion": about.version,
        }
        event = event_about(regarding, reason, "DeliverSecrets", note, datetime.now(UTC), is_warning=is_warning)
        try:
            self._noted_in.send_nowait(event)
        except trio.WouldBlock:
            self._say(f"{MOST_WAITING} Events are waiting already")

    async def write(self) -> None:
        """Write an Event for each note. Never returns."""
        async for event in self._noted_out:
            try:
                await create_event(self._transport, event["metadata"]["namespace"], event)
                self._problem = ""
            except ClusterError as error:
                self._say(str(error))

    def _say(self, problem: str) -> None:
        if problem != self._problem:  # log it once, not at every delivery
            self._problem = problem
            log.warning("secrets_event_not_written", problem=problem)
