"""A delivery of many objects: beside a bare client's same applies, and beside `kubectl apply --server-side`."""

import itertools
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import trio

from krt.backoff import Backoff
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
from tests.fakes.ports import free_ports

_PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets", "ServiceAccount": "serviceaccounts", "Service": "services"}

ROUND_TRIPS_MS = (0, 20, 60)  # loopback; from a hosted runner to a cloud's region nearby; to one of another continent

_numbers = itertools.count(1)

Objects = list[dict[str, Any]]


@dataclass(frozen=True)
class _Way:
    """The way to the API server: straight, or through a relay that makes it far away."""

    control_plane: ControlPlane
    folder: Path
    url: str
    kubeconfig: Path


async def delivery(
    servers: Servers, figures: Figures, *, objects: int, rounds: int, round_trips_ms: Sequence[int]
) -> None:
    """Each round has a namespace for each program: one that comes with the objects, and one that is there before.

    If the namespace is there, krt dry-runs every object of the first delivery before it applies one.
    """
    for milliseconds in round_trips_ms:
        async with _way(servers, milliseconds) as way:
            for comes, where in ((True, "a new namespace"), (False, "a namespace that is there")):
                part = f"{objects} objects into {where}, the API server {milliseconds} ms away"
                await _compare(way, figures, part, objects, rounds, comes=comes)


async def _compare(way: _Way, figures: Figures, part: str, objects: int, rounds: int, *, comes: bool) -> None:
    took = await _rounds(way, figures, part, objects, rounds, comes=comes)
    for name, each in took.items():
        figures.note(part, f"{name}, s", round(median(each), 2))
    for turn in ("first", "unchanged"):
        figures.ratio(part, f"{turn}, krt to bare", _ratio(took, f"krt, {turn}", f"bare, {turn}"), at_most=1.5)
        figures.ratio(part, f"{turn}, kubectl to krt", _ratio(took, f"kubectl, {turn}", f"krt, {turn}"), at_least=3)


@asynccontextmanager
async def _way(servers: Servers, milliseconds: int) -> AsyncIterator[_Way]:
    plane = servers.control_plane
    assert plane is not None
    if not milliseconds:
        yield _Way(plane, servers.folder, plane.url, plane.kubeconfig)
        return
    [port] = free_ports(1)
    target = httpx.URL(plane.url).port
    command = [sys.executable, "-m", "tests.bench.relay", str(port), str(target), str(milliseconds)]
    url, kubeconfig = f"https://127.0.0.1:{port}", servers.folder / "far.kubeconfig"
    kubeconfig.write_text(plane.kubeconfig.read_text().replace(plane.url, url))
    async with trio.open_nursery() as nursery:
        relay = await nursery.start(trio.run_process, command)
        await _wait_open(port)
        yield _Way(plane, servers.folder, url, kubeconfig)
        relay.kill()
        nursery.cancel_scope.cancel()


async def _wait_open(port: int) -> None:
    async for _ in Backoff(first_seconds=0.1, most_seconds=0.5):
        try:
            await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        except OSError:
            continue
        return


async def _rounds(
    way: _Way, figures: Figures, part: str, objects: int, rounds: int, *, comes: bool
) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {}
    async with way.control_plane.admin_client() as admin:
        for _ in range(rounds):
            for name, measure in (("bare", _bare), ("krt", _krt), ("kubectl", _kubectl)):
                space = namespace_of(f"bench-{next(_numbers)}")
                wanted = objects_in(space["metadata"]["name"], objects)
                if comes:
                    wanted = [space, *wanted]
                else:
                    (await admin.post("/api/v1/namespaces", json=space)).raise_for_status()
                for turn, seconds in (await measure(way, figures, part, wanted)).items():
                    took.setdefault(f"{name}, {turn}", []).append(seconds)
                await admin.delete(f"/api/v1/namespaces/{space['metadata']['name']}")
    return took


def _ratio(took: dict[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(took[one], took[other], strict=True))


def namespace_of(name: str) -> dict[str, Any]:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def objects_in(namespace: str, count: int) -> Objects:
    """So many objects of four kinds."""
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


async def _bare(way: _Way, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    async with bare(way.control_plane, connections=MOST_AT_ONCE, url=way.url) as client:
        return {turn: await applied_by(client.client, objects) for turn in ("first", "unchanged")}


async def applied_by(client: httpx.AsyncClient, objects: Objects) -> float:
    """The seconds that the client takes to apply the objects, the namespace first."""
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


async def _krt(way: _Way, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    namespace = objects[-1]["metadata"]["namespace"]
    order = Delivery(Owner("Bench", namespace), tuple(map(read_manifest, objects)), namespace)
    took, requests = dict[str, float](), Counter[str]()

    async def count(request: httpx.Request) -> None:
        requests[request.method] += 1

    server, credentials = load_access(way.kubeconfig)
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


async def _kubectl(way: _Way, figures: Figures, part: str, objects: Objects) -> dict[str, float]:
    file = way.folder / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return {turn: await _applied_by_kubectl(way.kubeconfig, file) for turn in ("first", "unchanged")}


async def _applied_by_kubectl(kubeconfig: Path, file: Path) -> float:
    began = perf_counter()
    ran = await kubectl(kubeconfig, "apply", "--server-side", "-f", str(file))
    assert ran.code == 0, ran
    return perf_counter() - began
