"""Writes Kubernetes Events about linked Deployments: `kubectl describe deployment` shows what krt did, and why not.

An Event is for people only. So no delivery waits for one, and krt tries to write each only once.
"""

from datetime import UTC, datetime
from functools import partial

from krt.cluster.transport import Transport
from krt.cluster.workloads.events import EventQueue, event_about
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.kube.restartable import DEPLOYMENT
from krt.logs import Log

log = Log("controller")

MOST_WAITING = 1024


class DeploymentEvents:
    """Writes the Events of a controller. While MOST_WAITING Events wait, further ones are left out."""

    def __init__(self, transport: Transport) -> None:
        self._queue = EventQueue(transport, MOST_WAITING, _say)
        self.write = self._queue.write

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
        at = datetime.now(UTC)
        self._queue.note(partial(event_about, regarding, reason, "DeliverSecrets", note, at, is_warning=is_warning))


def _say(problem: str) -> None:
    log.warning("secrets_event_not_written", problem=problem)
