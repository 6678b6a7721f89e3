"""Bundles that stand alone, as a test asks for them, and what becomes of them."""

from collections.abc import Mapping
from typing import Any

from krt.core.kube.fields import conditions_of
from tests.apiserver.bundles import PLAIN
from tests.controller.desk import GROUP, Desk
from tests.fakes.polling import until_on_wall_clock


async def ask(desk: Desk, name: str, source: Mapping[str, object], provisioner: str = PLAIN) -> None:
    """Apply a Bundle that stands alone. Its name begins with that of the test's namespace."""
    body = {"apiVersion": "core.rukpak.io/v1alpha1", "kind": "Bundle", "metadata": {"name": f"{desk.namespace}-{name}"}}
    await desk.server.apply({**body, "spec": {"provisionerClassName": provisioner, "source": source}})


async def ended(desk: Desk, name: str) -> Mapping[str, Any]:
    """The status of a Bundle, once it is unpacked or cannot be."""
    status: dict[str, Any] = {}

    async def is_so() -> bool:
        body = await desk.server.request("GET", f"{GROUP}/bundles/{desk.namespace}-{name}")
        status.clear()
        status.update(body.get("status", {}))
        return status.get("phase") in {"Unpacked", "Failing"}

    await until_on_wall_clock(is_so)
    return status


async def problem(desk: Desk, name: str) -> str:
    """The sentence of a Bundle that is Failing."""
    status = await ended(desk, name)
    said = conditions_of({"status": status})["Unpacked"]
    assert (status["phase"], said.status, said.reason) == ("Failing", "False", "UnpackFailed"), said
    assert "\n" not in said.message
    return said.message


def image(ref: str, **fields: object) -> Mapping[str, object]:
    return {"type": "image", "image": {"ref": ref, **fields}}


def git(repository: str, directory: str = "", secret: str = "", **ref: str) -> Mapping[str, object]:
    auth = {"auth": {"secret": {"name": secret}}} if secret else {}
    placed = {"directory": directory} if directory else {}
    return {"type": "git", "git": {"repository": repository, "ref": ref, **placed, **auth}}


async def store(desk: Desk, name: str, data: Mapping[str, bytes]) -> None:
    metadata = {"name": name, "namespace": desk.namespace}
    texts = {key: content.decode() for key, content in data.items()}
    await desk.server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": texts})


def http(url: str, secret: str = "") -> Mapping[str, object]:
    auth = {"auth": {"secret": {"name": secret}}} if secret else {}
    return {"type": "http", "http": {"url": url, **auth}}


def config_maps(name: str) -> Mapping[str, object]:
    return {"type": "configMaps", "configMaps": [{"configMap": {"name": name}, "path": "manifests"}]}
