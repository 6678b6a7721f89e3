"""How the tests of the stand-in cluster speak to it: as krt would, by HTTP on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import trio

from krt.dev.cluster import StandInCluster
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.served import served

MERGE_PATCH = {"content-type": "application/merge-patch+json"}
DEPLOYMENTS = "/apis/apps/v1/deployments"
SHOP = "/apis/apps/v1/namespaces/shop/deployments"
WEB = ("Deployment", "shop", "web")
RESTART = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}


@dataclass(frozen=True, slots=True)
class Seen:
    """Events, each with the seconds since the watch began, and the second at which it ended by itself."""

    events: tuple[tuple[float, Any], ...]
    ended: float | None

    @property
    def times(self) -> list[float]:
        return [round(seconds, 3) for seconds, _event in self.events]

    @property
    def types(self) -> list[str]:
        return [event["type"] for _seconds, event in self.events]


@asynccontextmanager
async def connected(cluster: StandInCluster) -> AsyncIterator[httpx.AsyncClient]:
    async with served(cluster) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client:
        yield client


async def patch(client: httpx.AsyncClient, path: str, body: object, **params: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.patch(path, content=content, headers=MERGE_PATCH, params=params)


async def version_of(client: httpx.AsyncClient, path: str = DEPLOYMENTS) -> str:
    listed = await client.get(path, params={"limit": 1})
    return str(listed.json()["metadata"]["resourceVersion"])


@asynccontextmanager
async def watching(
    client: httpx.AsyncClient, path: str = DEPLOYMENTS, **params: str | int
) -> AsyncIterator[trio.MemoryReceiveChannel[Any]]:
    """The events of a watch as they come. The channel ends as the watch does, by an httpx error if it broke."""
    events, received = trio.open_memory_channel[Any](1_000)
    opened = trio.Event()

    async def read() -> None:
        async with (
            events,
            client.stream("GET", path, params={"watch": "true", **params}, timeout=PATIENCE_SECONDS) as answer,
        ):
            assert answer.status_code == 200
            opened.set()
            try:
                async for line in answer.aiter_lines():
                    await events.send(msgspec.json.decode(line))
            except httpx.HTTPError as error:
                await events.send(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        with trio.fail_after(PATIENCE_SECONDS):
            await opened.wait()
        yield received
        nursery.cancel_scope.cancel()


async def collect(received: trio.MemoryReceiveChannel[Any], count: int | None = None) -> list[Any]:
    """The next `count` events; None: all until the end."""
    events = []
    with trio.fail_after(PATIENCE_SECONDS):
        async for event in received:
            events.append(event)
            if len(events) == count:
                break
    return events


async def watch_in_process(
    cluster: StandInCluster, seconds: float, path: str = DEPLOYMENTS, **params: str | int
) -> Seen:
    """What a watch tells within `seconds` of Trio's clock: without sockets, so that the clock can jump."""
    begun, events = trio.current_time(), []
    query = httpx.QueryParams({"watch": "true", **params})
    scope = {"type": "http", "method": "GET", "path": path, "query_string": str(query).encode(), "headers": []}
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(requests, None) or await trio.sleep_forever()

    async def send(message: Any) -> None:
        lines = message.get("body", b"").splitlines()
        events.extend((trio.current_time() - begun, msgspec.json.decode(line)) for line in lines)

    with trio.move_on_after(seconds) as scope_of_time:
        await cluster(scope, receive, send)  # type: ignore[arg-type]
    ended = None if scope_of_time.cancelled_caught else trio.current_time() - begun
    return Seen(tuple(events), ended)


def type_and_name(event: Any) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")
