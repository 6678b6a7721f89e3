"""One krt web under attack: how to knock, what was accepted meanwhile, and whether it still lets the right ones in."""

import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import trio
from cryptography.hazmat.primitives.asymmetric import rsa

from krt.broker.channel import Subscription, subscribe
from krt.broker.client import Client, open_client
from krt.core.ports.channel import ChannelMessage, Subscribed
from krt.serving.address import Address
from tests.door.process import Process
from tests.door.surroundings import VALKEY_PASSWORD, Surroundings
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_trio_clock
from tests.oidc import tokens
from tests.serving.raw import Reply, read_to_end

AUDIENCE = "https://krt.example.com"
CHANNEL = "kuberollouttrigger"
PROXY = "127.0.0.9"  # a trusted one
IMAGE, TAGS = "ghcr.io/acme/shop", ["dev"]
BODY = json.dumps({"image": IMAGE, "tags": TAGS}).encode()
POLICY = """
[[allow]]
who = "acme@65/*"
images = ["ghcr.io/acme/{repo}", "ghcr.io/acme/{repo}/**", "nginx.example/acme/shop"]

[[allow]]
who = "strict@66/*"
images = ["ghcr.io/strict/shop"]
tags = ["dev", "pr-*"]
ref = ["refs/heads/main"]
workflow = "strict/shop/.github/workflows/ci.yml"
environment = "dev"
runner = "github-hosted"
protected = true

[[allow]]
who = "named@68/shop@76"
images = ["ghcr.io/named/shop"]

[[allow]]
who = "emca@67/*"
images = ["ghcr.io/emca/one"]
tags = ["dev"]

[[allow]]
who = "emca@67/*"
images = ["ghcr.io/emca/two"]
tags = ["prod"]
"""
# The one answer to everybody who is not known, but for Date and X-Request-Id.
D401 = (
    b"HTTP/1.1 401 \r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\nx-request-id: *\r\n"
    b"connection: close\r\ndate: *\r\n\r\n"
)
_VARYING = re.compile(rb"(date|x-request-id): [^\r\n]+")
_repositories = count(10_000)


def constant(reply: Reply) -> bytes:
    """The answer without what differs between any two."""
    return _VARYING.sub(rb"\1: *", reply.received)


def unordered(answer: Reply | bytes) -> list[bytes]:
    """The constant answer's lines, whatever their order and case."""
    received = answer if isinstance(answer, bytes) else constant(answer)
    return sorted(received.lower().split(b"\r\n"))


def request(
    *fields: bytes,
    body: bytes = BODY,
    token: str | None = None,
    path: bytes = b"/event",
    method: bytes = b"POST",
    content_type: bytes | None = b"application/json",
) -> bytes:
    """A whole request; with a token, of a caller with one."""
    head = [b"%b %b HTTP/1.1" % (method, path), b"Host: krt.example", *fields]
    head += [b"Authorization: Bearer " + token.encode()] if token is not None else []
    head += [b"Content-Type: " + content_type] if content_type is not None else []
    head += [b"Content-Length: %d" % len(body)] if method == b"POST" else []
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@dataclass
class Door:
    """`sent` is what must not stand in the log."""

    surroundings: Surroundings
    process: Process
    sent: set[str] = field(default_factory=set)

    def claims(self, **changes: object) -> dict[str, object]:
        """GitHub's of a job of acme/shop, now; `...` takes a claim away."""
        return self.surroundings.issuer.github_claims(AUDIENCE, **changes)

    def token(
        self,
        payload: Mapping[str, object] | bytes | None = None,
        header: Mapping[str, object] | bytes = tokens.HEADER,
        *,
        key: rsa.RSAPrivateKey | None = None,
        **changes: object,
    ) -> str:
        """A token of the claims with these changes, or of another payload, signed with the published key."""
        return self.keep(tokens.token(self.claims(**changes) if payload is None else payload, header, key=key))

    def keep(self, token: str) -> str:
        """Note a token that is sent."""
        self.sent.update(part for part in token.split(".")[1:] if len(part) > 20)
        return token

    def newcomer(self, **changes: object) -> str:
        """A token of a repository that never called before, so that no limit counts its calls."""
        return self.token(**{"repository_id": str(next(_repositories)), **changes})

    def good(self, body: bytes = BODY, **changes: object) -> bytes:
        """A request that is accepted."""
        return request(token=self.newcomer(**changes), body=body)

    async def connect(self, source: str | None = None, to: Address | None = None) -> trio.SocketStream:
        address = to or self.process.public
        client = trio.socket.socket(socket.AF_INET)
        try:
            if source is not None:
                await client.bind((source, 0))
            await client.connect((address.host, address.port))
        except BaseException:
            client.close()
            raise
        return trio.SocketStream(client)

    async def exchange(
        self,
        *pieces: bytes,
        source: str | None = None,
        within_seconds: float = PATIENCE_SECONDS,
        to: Address | None = None,
    ) -> Reply:
        """Send the pieces and read to the other side's end."""
        async with await self.connect(source, to) as stream:
            with suppress(trio.BrokenResourceError):
                for piece in pieces:
                    await stream.send_all(piece)
            with trio.fail_after(within_seconds):
                return await read_to_end(stream)

    async def probe(self, path: str) -> Reply:
        """What the admin listener says."""
        head = f"GET {path} HTTP/1.1\r\nHost: krt.example\r\nConnection: close\r\n\r\n"
        return await self.exchange(head.encode(), to=self.process.admin)

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with these labels."""
        text = (await self.probe("/metrics")).body.decode()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(one in line for one in wanted))

    async def metric_comes_to(self, value: int, name: str, **labels: str) -> None:
        async def is_there() -> bool:
            return await self.metric(name, **labels) == value

        await until_on_trio_clock(is_there)

    async def accepts(self, sent: Callable[[], bytes]) -> None:
        """Until it does: a Valkey that comes back is found by the process, which tells nobody here."""

        async def is_accepted() -> bool:
            return (await self.exchange(sent())).status == 202

        await until_on_trio_clock(is_accepted)

    async def line_of(self, reply: Reply) -> dict[str, Any]:
        """How the log says the request ended. It is written when the answer is out, so that it may be read later."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [
                line
                for line in self.process.events("request_ended")
                if line["request_id"] == reply.headers["x-request-id"]
            ]
            return bool(found)

        await until_on_trio_clock(is_there)
        return found[0]

    async def assert_open(self) -> None:
        """The process lives and accepts who may call."""
        assert self.process.is_alive()
        reply = await self.exchange(self.good())
        assert reply.status == 202, reply.received

    def assert_log_keeps_secrets(self) -> None:
        """Not the beginning of a part of a token that was sent (the log cuts what is long), no password."""
        log = self.process.log.read_text()
        assert not [part for part in self.sent if part[:20] in log]
        assert VALKEY_PASSWORD not in log
        assert "Traceback" not in log


class Watch:
    """What happens in Valkey while a test runs."""

    def __init__(self, door: Door, client: Client, channel: Subscription) -> None:
        self._door = door
        self._client = client
        self._channel = channel
        self._fetches = door.surroundings.issuer.keys_fetches

    async def keys(self) -> int:
        """Journal, spent tokens, reports: nothing can be accepted without one more."""
        size: Any = await self._client.call("DBSIZE")
        return int(size)

    async def entries(self) -> int:
        size: Any = await self._client.call("XLEN", "{krt}:journal")
        return int(size)

    async def published(self) -> list[bytes]:
        """What was published since it was asked last."""
        await self._client.call("PUBLISH", CHANNEL, "now")
        heard = []
        async for signal in self._channel:
            match signal:
                case ChannelMessage(b"now"):
                    return heard
                case ChannelMessage(payload):
                    heard.append(payload)
        raise AssertionError("the channel ended")

    def fetches(self) -> int:
        """How often the issuer was asked for its keys since the test began."""
        return self._door.surroundings.issuer.keys_fetches - self._fetches

    @asynccontextmanager
    async def nothing_accepted(self) -> AsyncIterator[None]:
        """Whatever is tried within, nothing is published, journaled or spent, and the door stays open."""
        await self.published()
        keys, entries = await self.keys(), await self.entries()
        yield
        assert await self.published() == []
        assert (await self.keys(), await self.entries()) == (keys, entries)
        await self._door.assert_open()
        assert len(await self.published()) == 1


@asynccontextmanager
async def watching(door: Door) -> AsyncIterator[Watch]:
    endpoint = door.surroundings.endpoint
    async with open_client(endpoint) as client, subscribe(endpoint, CHANNEL) as channel:
        first = await anext(aiter(channel))
        assert isinstance(first, Subscribed)
        yield Watch(door, client, channel)
