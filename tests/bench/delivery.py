"""A delivery of many objects: beside a bare client's same applies, and beside `kubectl apply --server-side`."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from krt.core.delivery.ownership import Owner
from krt.core.kube.manifest import read_manifest
from krt.delivery.at_once import MOST_AT_ONCE
from krt.delivery.deliver import deliver
from krt.delivery.order import Delivery, End
from krt.delivery.waiting import MOST_WATCHES
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.kubectl import kubectl
from tests.bench.bare import bare
from tests.bench.figures import Figures
from tests.bench.servers import Servers

_PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets", "ServiceAccount": "serviceaccounts", "Service": "services"}

Objects = list[dict[str, Any]]


async def delivery(servers: Servers, figures: Figures, *, objects: int, rounds: int) -> None:
    """Each round has a namespace for each program: one that comes with the objects, and one that is there before.

    If the namespace is there, krt dry-runs every object of the first delivery before it applies one.
    """
    for comes, where in ((True, "into a new namespace"), (False, "into a namespace that is there")):
        part = f"{objects} objects {where}"
        took = await _rounds(servers, figures, part, objects, rounds, comes=comes)
        for name, each in took.items():
            figures.note(part, f"{name}, s", round(median(each), 2))
        for turn in ("first", "unchanged"):
            figures.ratio(part, f"{turn}, krt to bare", _ratio(took, f"krt, {turn}", f"bare, {turn}"), at_most=1.5)
            figures.ratio(part, f"{turn}, kubectl to krt", _ratio(took, f"kubectl, {turn}", f"krt, {turn}"), at_least=3)


async def _rounds(
    servers: Servers, figures: Figures, part: str, objects: int, rounds: int, *, comes: bool
) -> dict[str, list[float]]:
    assert servers.control_plane is not None
    took: dict[str, list[float]] = {}
    async with servers.control_plane.admin_client() as admin:
        for number in range(rounds):
            for name, measure in (("bare", _bare), ("krt", _krt), ("kubectl", _kubectl)):
                space = _namespace(f"bench-{name}-{number}{'-new' if comes else ''}")
                wanted = _objects(space["metadata"]["name"], objects)
                if not comes:
                    (await admin.post("/api/v1/namespaces", json=space)).raise_for_status()
                for turn, seconds in (
                    await measure(servers, figures, part, [space, *wanted] if comes else wanted)
                ).items():
                    took.setdefault(f"{name}, {turn}", []).append(seconds)
                await admin.delete(f"/api/v1/namespaces/{space['metadata']['name']}")
    return took


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _ratio(took: dict[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(took[one], took[other], strict=True))


def _objects(namespace: str, count: int) -> Objects:
    return [_object(namespace, number) for number in range(count)]


def _object(namespace: str, number: int) -> dict[str, Any]:
    kind = list(_PLURALS)[number % len(_PLURALS)]
    metadata = {"name": f"a{number:04}", "namespace": namespace, "labels": {"app": f"a{number}"}}
    text = {f"key-{each}": f"value {number} " * 8 for each in range(8)}
    content: dict[str, Any] = {
        "ConfigMap": {"data": text},
        "Secret": {"stringData": text, "type": "Opaque"},
        "ServiceAccount": {"automountServiceAccountToken": False},
        "Service": {"spec": {"clusterIP": "None", "selector": {"app": f"a{number}"}, "ports": [{"port": 80}]}},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content[kind]}


async def _bare(servers: Servers, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    assert servers.control_plane is not None
    async with bare(servers.control_plane, connections=MOST_AT_ONCE) as client:
        return {turn: await _applied_by(client.client, objects) for turn in ("first", "unchanged")}


async def _applied_by(client: httpx.AsyncClient, objects: Objects) -> float:
    began, rest = perf_counter(), iter(objects)
    if objects[0]["kind"] == "Namespace":
        await _apply_all(client, iter([next(rest)]))
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_AT_ONCE):
            nursery.start_soon(_apply_all, client, rest)
    return perf_counter() - began


async def _apply_all(client: httpx.AsyncClient, rest: Iterator[dict[str, Any]]) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    for each in rest:
        names, path = each["metadata"], "/api/v1/namespaces"
        path += f"/{names['namespace']}/{_PLURALS[each['kind']]}" if "namespace" in names else ""
        answer = await client.patch(
            f"{path}/{names['name']}",
            content=json.dumps(each).encode(),
            headers=headers,
            params={"fieldManager": "bare", "force": "true"},
        )
        answer.raise_for_status()


async def _krt(servers: Servers, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    assert servers.control_plane is not None
    namespace = objects[-1]["metadata"]["namespace"]
    order = Delivery(Owner("Bench", namespace), tuple(map(read_manifest, objects)), namespace)
    took, requests = dict[str, float](), Counter[str]()

    async def count(request: httpx.Request) -> None:
        requests[request.method] += 1

    server, credentials = load_access(servers.control_plane.kubeconfig)
    for turn in ("first", "unchanged"):
        requests.clear()
        async with http_client(server, connections=MOST_AT_ONCE + MOST_WATCHES) as client:
            client.event_hooks = {"request": [count]}
            began = perf_counter()
            done = await deliver(Transport(client, credentials), order, lambda _: None)
            took[turn] = perf_counter() - began
        assert done.end is End.READY, done.report
        figures.note(part, f"krt, {turn}: requests", dict(requests))
    return took


async def _kubectl(servers: Servers, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    assert servers.control_plane is not None
    file = Path(servers.folder) / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return {turn: await _applied_by_kubectl(servers.control_plane, file) for turn in ("first", "unchanged")}


async def _applied_by_kubectl(control_plane: ControlPlane, file: Path) -> float:
    began = perf_counter()
    ran = await kubectl(control_plane.kubeconfig, "apply", "--server-side", "-f", str(file))
    assert ran.code == 0, ran
    return perf_counter() - began
