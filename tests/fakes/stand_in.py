"""The stand-in cluster on a real socket, with a kubeconfig for it."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from krt.core.announce.image import Repository, complete
from krt.core.kube.object_key import ObjectKey
from krt.dev.cluster import StandInCluster
from krt.dev.cluster.kinds import DEPLOYMENT
from tests.fakes.keys import a_key
from tests.fakes.served import served


class Seen(NamedTuple):
    """A request. `port`, the client's port, identifies the connection."""

    port: int
    method: str
    path: str
    query: str
    authorization: str | None


class Recording:
    """The stand-in as an app that records every request."""

    def __init__(self, cluster: StandInCluster) -> None:
        self.cluster = cluster
        self.seen: list[Seen] = []

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            port = scope["client"][1] if scope["client"] else 0
            query = scope["query_string"].decode()
            self.seen.append(Seen(port, scope["method"], scope["path"], query, headers.get(b"authorization")))
        await self.cluster(scope, receive, send)


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in. `kubeconfig` names `url` and the token in `token_file`."""

    cluster: StandInCluster
    seen: list[Seen]
    url: str
    kubeconfig: Path
    token_file: Path

    def calls(self, verb: str) -> int:
        """The number of calls on Deployments with this verb."""
        return self.cluster.requests[verb, "deployments"]

    def document(self, name: str, namespace: str = "shop") -> dict[str, Any]:
        """The whole Deployment."""
        return self.cluster.store.read(DEPLOYMENT, namespace, name).document()

    def set_image(self, name: str, image: str, namespace: str = "shop") -> None:
        """Change the image of the first container."""

        def change(before: dict[str, Any]) -> dict[str, Any]:
            after = deepcopy(before)
            after["spec"]["template"]["spec"]["containers"][0]["image"] = image
            return after

        self.cluster.store.update(DEPLOYMENT, namespace, name, change, manager="kubectl")

    def delete(self, name: str, namespace: str = "shop") -> None:
        self.cluster.store.delete(DEPLOYMENT, namespace, name)

    def forget_history(self) -> None:
        """Make every version too old, also the one that krt holds."""
        self.cluster.store.create({"kind": "Namespace", "metadata": {"name": f"filler-{self.cluster.store.number}"}})
        self.cluster.store.compact()


@asynccontextmanager
async def standing_in(directory: Path, **options: Any) -> AsyncIterator[StandIn]:
    """Run an empty stand-in that accepts the token `first`. It sends bookmarks only if `bookmark_seconds` is given."""
    cluster = StandInCluster(**{"bookmark_seconds": math.inf, "tokens": {"first"}, **options})
    recording = Recording(cluster)
    token_file = directory / "token"
    token_file.write_text("first")
    async with served(recording) as url:
        config = write_kubeconfig(directory, {"server": url}, {"tokenFile": str(token_file)})
        yield StandIn(cluster, recording.seen, url, config, token_file)


def write_kubeconfig(directory: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Path:
    """Write a kubeconfig with one cluster and one user."""
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": dict(cluster)}],
        "users": [{"name": "u", "user": dict(user)}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def key(name: str, namespace: str = "shop") -> ObjectKey:
    return a_key("Deployment", namespace, name)


def repository(name: str) -> Repository:
    return complete(name)
