"""A controller on the real API server, and what a test's administrator does around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.bounded import BoundedTransport, WriteBounds
from krt.cluster.impersonation import Impersonating
from krt.cluster.objects import Body
from krt.controller.bundles_controller import BundlesController, Reach
from krt.controller.unpacking import Fetches
from krt.core.kube.fields import conditions_of
from tests.apiserver.bundles import API_VERSION, PLAIN
from tests.apiserver.server import ApiServer
from tests.controller.sources import Images, files_of
from tests.fakes.polling import until_on_wall_clock

GROUP = f"/apis/{API_VERSION}"
REF = "registry.example/acme/shop-bundle:main"


@dataclass
class Desk:
    """`name` is the BundleDeployment's; krt runs in `namespace`, where a bundle's objects go, too."""

    server: ApiServer
    namespace: str
    images: Images = field(default_factory=Images)
    fetches: Fetches | None = None  # instead of `images`
    requests: list[str] = field(default_factory=list)
    deadline_seconds: float = 20.0

    @property
    def name(self) -> str:
        return f"{self.namespace}-shop"

    def config_map(self, name: str, **data: str) -> Body:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self.namespace},
            "data": data,
        }

    def push(self, *objects: Body, ref: str = REF) -> str:
        return self.images.push(ref, files_of(*objects))

    async def deploy(
        self,
        ref: str = REF,
        *,
        name: str = "",
        source: Body | None = None,
        annotations: dict[str, str] | None = None,
        provisioner: str = PLAIN,
    ) -> None:
        """Apply the seed's document. `provisioner` is the class of its template."""
        spec = {"source": source or {"type": "image", "image": {"ref": ref}}, "provisionerClassName": provisioner}
        body = {
            "apiVersion": "core.rukpak.io/v1alpha1",
            "kind": "BundleDeployment",
            "metadata": {"name": name or self.name, "annotations": annotations or {}},
            "spec": {
                "provisionerClassName": PLAIN,
                "template": {"metadata": {"labels": {"app": "my-bundle"}}, "spec": spec},
            },
        }
        await self.server.apply(body)

    async def annotate(self, name: str = "", **annotations: str) -> None:
        """With `_` in the place of the slash: krt_announced="e1"."""
        wanted = {key.replace("_", "/"): value for key, value in annotations.items()}
        await self.patch({"metadata": {"annotations": wanted}}, name=name)

    async def patch(self, fields: Body, *, name: str = "") -> None:
        path = f"{GROUP}/bundledeployments/{name or self.name}"
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = await self.server.client.patch(path, json=fields, headers=headers)
        assert answer.is_success, answer.text

    async def status(self, name: str = "") -> Body:
        body = await self.server.request("GET", f"{GROUP}/bundledeployments/{name or self.name}")
        return dict(body.get("status", {}))

    async def condition(self, kind: str, *, name: str = "") -> tuple[str, str, str]:
        """Status, reason and message; empty if there is none."""
        found = conditions_of({"status": await self.status(name)}).get(kind)
        return (found.status, found.reason, found.message) if found else ("", "", "")

    async def is_installed(self, *, handled: str = "", digest: str = "", name: str = "") -> bool:
        """Whether all conditions hold, for this announcement and this content, if they are given."""
        status = await self.status(name)
        holds = {kind for kind, each in conditions_of({"status": status}).items() if each.status == "True"}
        is_of = digest in str(status.get("resolvedSource", "")) and handled in {"", status.get("handled")}
        return is_of and {"HasValidBundle", "Installed", "Healthy"} <= holds

    async def until_installed(self, **wanted: str) -> None:
        async def is_so() -> bool:
            return await self.is_installed(**wanted)

        try:
            await until_on_wall_clock(is_so)
        except AssertionError as error:
            raise AssertionError(f"{error}: wanted {wanted}, and it is {await self.status()}") from None

    async def until_condition(self, kind: str, status: str, text: str, *, name: str = "") -> None:
        async def is_so() -> bool:
            found = await self.condition(kind, name=name)
            return found[0] == status and text in found[2]

        await until_on_wall_clock(is_so)

    async def data(self, name: str) -> dict[str, str] | None:
        """Of a ConfigMap; None if it does not exist."""
        answer = await self.server.client.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")
        return None if answer.status_code == 404 else dict(answer.json().get("data", {}))

    async def bundles(self) -> list[Body]:
        found = await self.server.request("GET", f"{GROUP}/bundles")
        return [each for each in found["items"] if each["metadata"]["name"].startswith(self.namespace)]

    @property
    def writes(self) -> list[str]:
        """The requests of krt that could have changed something, without those for the Lease."""
        return [each for each in self.requests if not each.startswith("GET") and "/leases" not in each]

    async def note(self, request: httpx.Request) -> None:
        self.requests.append(f"{request.method} {request.url.raw_path.decode()}")

    @asynccontextmanager
    async def running(
        self, identity: str = "one", *, kubeconfig: Path | None = None
    ) -> AsyncIterator[BundlesController]:
        """A controller of this process, until the end of the block."""
        access = load_access(kubeconfig or self.server.control_plane.kubeconfig)
        async with http_client(access[0], connections=100) as client, trio.open_nursery() as nursery:
            client.event_hooks = {"request": [self.note]}
            bounds = WriteBounds(8, 20.0, 200)
            own = BoundedTransport(client, access[1], bounds)
            deployer = BoundedTransport(client, Impersonating(access[1], self.namespace, "krt-deployer"), bounds)
            reach = Reach(own, deployer, self.namespace)
            controller = BundlesController(
                reach, self.fetches or self.images, identity, deadline_seconds=self.deadline_seconds
            )
            nursery.start_soon(controller.run)
            yield controller
            nursery.cancel_scope.cancel()

    async def clear(self) -> None:
        """Nothing of this test stays, whether a controller runs or not."""
        found = await self.server.request("GET", f"{GROUP}/bundledeployments")
        for each in found["items"]:
            await self.patch({"metadata": {"finalizers": None}}, name=each["metadata"]["name"])
        for plural in ("bundledeployments", "bundles"):
            await self.server.request("DELETE", f"{GROUP}/{plural}")
