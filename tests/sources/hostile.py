"""A registry that answers as a test says, over real sockets: for attacks and faults that no real one makes."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from krt.core.bundle.pack import digest_of
from tests.fakes.served import served

ENDLESS = b"x" * 65536


@dataclass(slots=True)
class Reply:
    """An answer; an endless one repeats its body until the client has gone, a silent one never begins."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_endless: bool = False
    is_silent: bool = False


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class HostileRegistry:
    """Answers by `METHOD /path`; a list of replies is used up one by one, the last one stays. Else 404."""

    def __init__(self) -> None:
        self.host = ""
        self.asked: list[Asked] = []
        self.replies: dict[str, Reply | list[Reply] | Callable[[Asked], Reply]] = {"GET /v2/": Reply()}

    @property
    def repository(self) -> str:
        return f"{self.host}/acme/bundle"

    def has(self, manifest: bytes, *blobs: bytes, tag: str = "main") -> None:
        """Serve an image honestly."""
        for name in (tag, digest_of(manifest)):
            self.replies[f"GET /v2/acme/bundle/manifests/{name}"] = Reply(body=manifest)
        for blob in blobs:
            self.replies[f"GET /v2/acme/bundle/blobs/{digest_of(blob)}"] = Reply(body=blob)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = await _asked(scope, receive)
        self.asked.append(asked)
        reply = self._reply(asked)
        if reply.is_silent:
            await trio.sleep_forever()
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        while reply.is_endless:
            await send({"type": "http.response.body", "body": reply.body, "more_body": True})
        body = b"" if asked.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _reply(self, asked: Asked) -> Reply:
        found = self.replies.get(str(asked), Reply(404))
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found if isinstance(found, Reply) else found(asked)


async def _asked(scope: Any, receive: Any) -> Asked:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    return Asked(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)


@asynccontextmanager
async def hostile_registry() -> AsyncIterator[HostileRegistry]:
    registry = HostileRegistry()
    async with served(registry) as url:
        registry.host = url.removeprefix("http://")
        yield registry
