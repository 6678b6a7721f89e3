"""What the tests from end to end put on the cluster, and what they compare before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from tests.apiserver.objects import Object, a_deployment
from tests.apiserver.pods import Decide, Fate, Ready
from tests.apiserver.server import ApiServer
from tests.fakes.pace import PATIENCE_SECONDS

MARKS = {("metadata", "annotations", "krt/event"), ("metadata", "annotations", "krt/cause")}
RESTARTED_AT = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
KEPT_BY_OTHERS = {
    ("metadata", "annotations", "deployment.kubernetes.io/revision"),
    ("metadata", "generation"),
    ("metadata", "managedFields"),
    ("metadata", "resourceVersion"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A Deployment as `kubectl get -o yaml` has it."""

    document: Object

    @property
    def generation(self) -> int:
        return int(self.document["metadata"]["generation"])

    def changed(self, after: "Seen") -> set[tuple[str, ...]]:
        """The paths of what differs; of the status no more than that."""
        old, new = (_leaves(each.document) for each in (self, after))
        return {
            path if path[0] != "status" else ("status",) for path in old.keys() | new.keys() if _differ(path, old, new)
        }


class Cluster:
    """One namespace of the real one, seen with kubectl."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self.namespace = server, namespace

    async def deploy(self, *names: str, **more: Any) -> None:
        """And wait until they are rolled out. `more` is what `a_deployment` takes."""
        await self.apply(*(a_deployment(name, namespace=self.namespace, **more) for name in names))

    async def apply(self, *documents: Object) -> None:
        await self._server.apply(*documents)
        for document in documents:
            assert (
                await self.rollout_code(document["metadata"]["name"], document["kind"], seconds=ceil(PATIENCE_SECONDS))
                == 0
            )

    async def wait_rolled_out(self, *names: str) -> None:
        """By the real kubectl."""
        for name in names:
            assert await self.rollout_code(name, seconds=ceil(PATIENCE_SECONDS)) == 0

    async def rollout_code(self, name: str, kind: str = "Deployment", *, seconds: int = 1) -> int:
        """How `kubectl rollout status` ends: with 0 where it is complete, or becomes so in time."""
        status = ("rollout", "status", f"{kind}/{name}", f"--timeout={seconds}s", "-n", self.namespace)
        return (await self._server.kubectl(*status)).code

    async def see(self) -> dict[str, Seen]:
        ran = await self._server.kubectl(
            "get", "deployments", "-o", "yaml", "--show-managed-fields", "-n", self.namespace
        )
        assert ran.code == 0, ran
        return {each["metadata"]["name"]: Seen(each) for each in yaml.safe_load(ran.out)["items"]}

    async def pods(self) -> set[str]:
        """The names of those that are there."""
        items = (await self._server.request("GET", f"/api/v1/namespaces/{self.namespace}/pods"))["items"]
        return {pod["metadata"]["name"] for pod in items}

    async def kubectl(self, *words: str) -> str:
        ran = await self._server.kubectl(*words, "-n", self.namespace)
        assert ran.code == 0, ran
        return ran.out

    async def replica_sets(self) -> dict[str, int]:
        """How many each Deployment has."""
        sets = await self._server.request("GET", f"/apis/apps/v1/namespaces/{self.namespace}/replicasets")
        owners: Sequence[str] = [each["metadata"]["ownerReferences"][0]["name"] for each in sets["items"]]
        return {owner: owners.count(owner) for owner in owners}


def only_new(pods: set[str], fate: Fate) -> Decide:
    """For pods that are not among these, which are ready."""
    return lambda pod: Ready() if pod.metadata.name in pods else fate


def token_file_kubeconfig(path: Path, *, server: ApiServer, token_file: Path) -> Path:
    """Of whoever's token is in that file at the moment."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server.url, "certificate-authority": str(server.ca_file)}}],
        "users": [{"name": "test", "user": {"tokenFile": str(token_file)}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def _leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(value, dict) and value:
        parts = (_leaves(inner, (*path, name)) for name, inner in value.items())
        return dict(chain.from_iterable(part.items() for part in parts))
    return {path: value}


def _differ(path: tuple[str, ...], old: Object, new: Object) -> bool:
    missing = object()
    return bool(old.get(path, missing) != new.get(path, missing))
