"""The kinds of workload that krt can restart: a row each, with the place where the API server serves them.

How their rollouts differ is in krt.core.rollout, which fields they have in krt.cluster.wire.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind by the name that manifests give it, and where its objects are served."""

    name: str
    group_path: str
    plural: str

    @property
    def api_version(self) -> str:
        """As manifests give it."""
        return self.group_path.removeprefix("/apis/")

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of the collection (in one namespace, or `None`: the whole cluster) or of one object in it."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.group_path}{scope}/{self.plural}" + (f"/{name}" if name else "")


DEPLOYMENT = Kind("Deployment", "/apis/apps/v1", "deployments")
STATEFUL_SET = Kind("StatefulSet", "/apis/apps/v1", "statefulsets")
DAEMON_SET = Kind("DaemonSet", "/apis/apps/v1", "daemonsets")

NAMESPACE = Kind("Namespace", "/api/v1", "namespaces")  # none that is restarted: read for its opt-out

KINDS = {kind.name: kind for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
