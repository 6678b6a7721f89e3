"""The controller of App secrets on the real API server, and what a test's people do around it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.bounded import BoundedTransport, WriteBounds
from krt.cluster.objects import Body
from krt.controller.app_secrets.secrets_controller import SecretsController
from krt.core.app_secrets.names import MODE, copy_name, stamp_name
from krt.core.kube.fields import conditions_of, items_at, text_at
from tests.apiserver.apps import GROUP, an_app
from tests.apiserver.objects import a_deployment
from tests.apiserver.server import ApiServer
from tests.fakes.polling import until_on_wall_clock

_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass
class SecretsDesk:
    """`namespace` is the environment of the same name; krt runs there, too. `app` is the App's name."""

    server: ApiServer
    namespace: str
    requests: list[str] = field(default_factory=list)
    under_way: int = 0

    @property
    def app(self) -> str:
        return f"app-{self.namespace}"[:40].rstrip("-")

    @property
    def environment(self) -> str:
        return self.namespace

    async def associate(self, environment: str | None = "", namespace: str = "") -> None:
        """Label the Namespace; None removes the label."""
        wanted = self.environment if environment == "" else environment
        labels = {"metadata": {"labels": {"krt/environment": wanted}}}
        await self.patch(f"/api/v1/namespaces/{namespace or self.namespace}", labels)

    async def link(self, *deployments: str, reload: str = "auto", **spec: Any) -> None:
        """Apply the App."""
        await self.server.apply(an_app(self.app, {self.environment: (list(deployments), reload)}, **spec))

    async def put(self, name: str = "source", **values: str) -> None:
        """Write the source, as whatever writes Secrets does it."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": self.namespace, "labels": {"krt/app": self.app}}
        await self.server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    async def annotate_source(self, **annotations: str) -> None:
        wanted = {f"krt/{key}": value for key, value in annotations.items()}
        path = f"/api/v1/namespaces/{self.namespace}/secrets/source"
        await self.patch(path, {"metadata": {"annotations": wanted}})

    async def deploy(self, name: str = "web", **more: Any) -> None:
        await self.server.apply(a_deployment(name, namespace=self.namespace, **more))

    async def mode(self, text: str | None, name: str = "web") -> None:
        await self.patch(self.path(name), {"metadata": {"annotations": {MODE: text}}})

    async def patch(self, path: str, fields: Body) -> None:
        answer = await self.server.client.patch(path, json=fields, headers=_MERGE)
        assert answer.is_success, answer.text

    def path(self, name: str = "web") -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}"

    async def deployment(self, name: str = "web") -> Body:
        return dict(await self.server.request("GET", self.path(name)))

    async def template(self, name: str = "web") -> Body:
        return dict((await self.deployment(name))["spec"]["template"])

    async def stamp(self, name: str = "web") -> str:
        annotations = (await self.template(name))["metadata"].get("annotations", {})
        return str(annotations.get(stamp_name(self.app), ""))

    async def generation(self, name: str = "web") -> int:
        """It grows by one with every change of the spec: each is a rollout."""
        return int((await self.deployment(name))["metadata"]["generation"])

    async def copy(self, name: str = "web") -> Body | None:
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{copy_name(self.app, name)}"
        answer = await self.server.client.get(path)
        return None if answer.status_code == 404 else dict(answer.json())

    async def values(self, name: str = "web") -> dict[str, str] | None:
        """Of the copy; None if there is none."""
        found = await self.copy(name)
        return found and {key: base64.b64decode(text).decode() for key, text in found.get("data", {}).items()}

    async def is_delivered(self, name: str = "web", **values: str) -> bool:
        """Whether the copy has these values and the template names it, with the stamp of the copy under `auto`."""
        copy = await self.copy(name)
        if copy is None or await self.values(name) != values:
            return False
        noted = copy["metadata"]["annotations"]
        template = await self.template(name)
        named = {text_at(each, "secretRef", "name") for each in items_at(template["spec"]["containers"][0], "envFrom")}
        mounted = {text_at(each, "secret", "secretName") for each in items_at(template["spec"], "volumes")}
        has_stamp = noted["krt/reload"] == "manual" or await self.stamp(name) == noted["krt/digest"]
        return copy["metadata"]["name"] in (named | mounted) and has_stamp

    async def until_delivered(self, name: str = "web", **values: str) -> None:
        async def is_so() -> bool:
            return await self.is_delivered(name, **values)

        try:
            await until_on_wall_clock(is_so, within_seconds=30)
        except AssertionError as error:
            raise AssertionError(f"{error}: {values}; {await self.status()}; {self.requests[-40:]}") from None

    async def status(self) -> Body:
        return dict((await self.server.request("GET", f"{GROUP}/apps/{self.app}")).get("status", {}))

    async def condition(self) -> tuple[str, str, str]:
        """Of the environment: status, reason and message; empty if there is none."""
        for each in (await self.status()).get("environments", ()):
            if each["name"] == self.environment and (found := conditions_of({"status": each}).get("Delivered")):
                return found.status, found.reason, found.message
        return "", "", ""

    async def until_condition(self, status: str, reason: str, text: str = "") -> None:
        async def is_so() -> bool:
            found = await self.condition()
            return found[:2] == (status, reason) and text in found[2]

        try:
            await until_on_wall_clock(is_so, within_seconds=30)
        except AssertionError as error:
            raise AssertionError(f"{error}: wanted {status} {reason} {text}, it is {await self.status()}") from None

    async def until_state(self, state: str, text: str = "", name: str = "web") -> None:
        async def is_so() -> bool:
            links = {each["deployment"]: each for each in (await self.status()).get("deployments", ())}
            return name in links and links[name]["state"] == state and text in links[name]["message"]

        try:
            await until_on_wall_clock(is_so, within_seconds=30)
        except AssertionError as error:
            raise AssertionError(f"{error}: wanted {state} {text}, it is {await self.status()}") from None

    async def until_event(self, reason: str, text: str = "") -> None:
        """A Kubernetes Event about the Deployment `web`."""

        async def is_so() -> bool:
            found = await self.server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")
            return any(each["reason"] == reason and text in each["note"] for each in found["items"])

        await until_on_wall_clock(is_so, within_seconds=30)

    @property
    def writes(self) -> list[str]:
        """The requests of krt that could have changed something, without those for the Lease."""
        return [each for each in self.requests if not each.startswith("GET") and "/leases" not in each]

    async def answered(self, _: httpx.Response) -> None:
        self.under_way -= 1

    async def until_quiet(self) -> None:
        """No request waits for its answer: httpcore leaves a socket open whose TLS handshake is cancelled."""
        with trio.move_on_after(2):
            await until_on_wall_clock(lambda: self.under_way <= 0)

    async def note(self, request: httpx.Request) -> None:
        self.under_way += 1
        self.requests.append(f"{request.method} {request.url.raw_path.decode()}")

    @asynccontextmanager
    async def running(
        self, identity: str = "one", *, kubeconfig: Path | None = None
    ) -> AsyncIterator[SecretsController]:
        """A controller of this process, until the end of the block."""
        server, credentials = load_access(kubeconfig or self.server.control_plane.kubeconfig)
        async with http_client(server, connections=100) as client, trio.open_nursery() as nursery:
            client.event_hooks = {"request": [self.note], "response": [self.answered]}
            transport = BoundedTransport(client, credentials, WriteBounds(8, 20.0, 200))
            controller = SecretsController(transport, self.namespace, identity)
            nursery.start_soon(controller.run)
            yield controller
            await self.until_quiet()
            nursery.cancel_scope.cancel()

    async def until_settled(self, controller: SecretsController) -> None:
        await until_on_wall_clock(lambda: controller.is_settled(self.app, self.environment))

    async def clear(self) -> None:
        """No App and no environment of this test stays."""
        await self.server.client.delete(f"{GROUP}/apps/{self.app}")
        await self.associate(None)
