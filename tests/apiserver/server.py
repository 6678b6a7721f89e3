"""The real API server as a test's administrator uses it: namespaces, objects, accounts and their rights."""

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.credentials import write_kubeconfig
from tests.apiserver.kubectl import Ran, kubectl
from tests.apiserver.objects import Object, grant
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock

_numbers = itertools.count(1)


class ApiError(Exception):
    """The API server did not do what the test's own administrator asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """A service account, and a kubeconfig that is it."""

    namespace: str
    name: str
    token: str
    kubeconfig: Path


class ApiServer:
    """One test's view of the session's control plane; files it writes go into the test's folder."""

    def __init__(self, control_plane: ControlPlane, client: httpx.AsyncClient, folder: Path) -> None:
        self.control_plane = control_plane
        self.url = control_plane.url
        self.ca_file = control_plane.credentials.ca_file
        self.client = client
        self._folder = folder
        self._plurals: dict[str, dict[str, str]] = {}

    async def request(self, method: str, path: str, body: Object | None = None, **parameters: str | int) -> Any:
        """The decoded answer. Raises ApiError unless it is a success."""
        response = await self.client.request(method, path, json=body, params=parameters)
        return _answer(response)

    async def apply(self, *objects: Object) -> list[Object]:
        """Server-side apply, forced, one after the other; the objects as they are then."""
        return [await self._apply(each) for each in objects]

    async def get(self, kind: str, namespace: str, name: str, api_version: str = "apps/v1") -> Object:
        metadata = {"namespace": namespace, "name": name}
        answer = await self.request("GET", await self.path_of(api_version, kind, metadata))
        assert isinstance(answer, dict)
        return answer

    async def path_of(self, api_version: str, kind: str, metadata: Object) -> str:
        """By discovery, so that every kind works, also ones that a test has just defined."""
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if kind not in self._plurals.get(prefix, {}):
            resources = (await self.request("GET", prefix))["resources"]
            self._plurals[prefix] = {each["kind"]: each["name"] for each in resources if "/" not in each["name"]}
        within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        return f"{prefix}{within}/{self._plurals[prefix][kind]}/{metadata['name']}"

    async def create_namespace(self) -> str:
        name = f"test-{next(_numbers)}"
        await self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    async def delete_namespace(self, name: str) -> None:
        """Nothing of it is in any list when this returns; the rest goes without anybody waiting for it."""
        await self.request("DELETE", f"/api/v1/namespaces/{name}")
        for resource in ("deployments", "statefulsets", "daemonsets", "replicasets"):
            path = f"/apis/apps/v1/namespaces/{name}/{resource}"
            await self.request("DELETE", path, {"propagationPolicy": "Background"})
        await self.request("DELETE", f"/api/v1/namespaces/{name}/pods", {"gracePeriodSeconds": 0})

    async def free_namespace(self, name: str) -> None:
        """Delete a namespace that other tests use by the same name, and return when it is gone.

        Until then the API server refuses every new object in it.
        """
        await self.delete_namespace(name)
        await until_on_wall_clock(lambda: self._is_free(f"/api/v1/namespaces/{name}"))

    async def _is_free(self, path: str) -> bool:
        return (await self.client.get(path)).status_code == httpx.codes.NOT_FOUND

    async def account(
        self, namespace: str, name: str, rules: Sequence[Object] = (), *, everywhere: bool = False
    ) -> Account:
        """A new service account with these rules in its namespace (or everywhere) and a token of one hour."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        await self.request("POST", accounts, {"metadata": {"name": name}})
        await self.apply(*grant(name, namespace, rules, everywhere=everywhere))
        if rules:
            await until_on_wall_clock(lambda: self._allows(name, namespace, rules[-1]))
        token = await self.token(namespace, name)
        path = self.kubeconfig(token, namespace=namespace)
        return Account(namespace, name, token, path)

    async def token(
        self, namespace: str, name: str, *, lifetime_seconds: int = 3600, bound_to: Object | None = None
    ) -> str:
        """By the TokenRequest API, which refuses less than 600 s; `mint_token` makes shorter ones.

        One that is bound to a Secret or a pod ends when that is deleted.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        bound = {"boundObjectRef": bound_to} if bound_to else {}
        answer = await self.request("POST", path, {"spec": {"expirationSeconds": lifetime_seconds, **bound}})
        return str(answer["status"]["token"])

    def kubeconfig(self, token: str, *, namespace: str = "default", proxy: HttpsProxy | None = None) -> Path:
        """Of whoever has this token; straight to the server or through the proxy."""
        return write_kubeconfig(
            self._folder / f"{next(_numbers)}.kubeconfig",
            server=proxy.url if proxy else self.url,
            ca_file=proxy.ca_file if proxy else self.ca_file,
            token=token,
            namespace=namespace,
        )

    async def kubectl(self, *arguments: str, kubeconfig: Path | None = None, stdin: str = "") -> Ran:
        """The administrator's, or that of whom the kubeconfig says."""
        return await kubectl(kubeconfig or self.control_plane.kubeconfig, *arguments, stdin=stdin)

    async def _allows(self, account: str, namespace: str, rule: Object) -> bool:
        """Whether the authorizer knows the rule: it hears of roles and bindings by watches, after the write."""
        first = {name: rule[name][0] for name in ("apiGroups", "resources", "verbs")}
        asked = {"group": first["apiGroups"], "resource": first["resources"], "verb": first["verbs"]}
        named = {"namespace": namespace, "name": next(iter(rule.get("resourceNames", ())), "")}
        spec = {"user": f"system:serviceaccount:{namespace}:{account}", "resourceAttributes": {**asked, **named}}
        reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool((await self.request("POST", reviews, {"spec": spec}))["status"]["allowed"])

    async def _apply(self, wanted: Object) -> Object:
        response = await self.client.patch(
            await self.path_of(wanted["apiVersion"], wanted["kind"], wanted["metadata"]),
            content=json.dumps(wanted),
            headers={"Content-Type": "application/apply-patch+yaml"},
            params={"fieldManager": "test", "force": "true"},
        )
        answer = _answer(response)
        assert isinstance(answer, dict)
        return answer


@asynccontextmanager
async def open_apiserver(control_plane: ControlPlane, folder: Path) -> AsyncIterator[ApiServer]:
    """What the test did to the processes is undone in the end."""
    async with control_plane.admin_client() as client:
        try:
            yield ApiServer(control_plane, client, folder)
        finally:
            await control_plane.heal()


def _answer(response: httpx.Response) -> Any:
    if not response.is_success:
        request = response.request
        raise ApiError(f"{request.method} {request.url.path}: {response.status_code} {response.text}")
    return response.json()
