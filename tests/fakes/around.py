"""The surroundings of krt for a test: an issuer, a Valkey and a stand-in cluster; and krt itself, in this process."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import trio
import valkey as oracle
from trio.testing import wait_all_tasks_blocked

from krt.core.announce.event_id import EventId, parse
from krt.daemon import root
from krt.daemon.shared import Bound
from krt.dev.issuer import KeysFault, StandInIssuer
from krt.dev.valkey import EmbeddedValkey, open_valkey
from krt.serving.address import Address, parse_address
from krt.settings.load import load
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.process import Process
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, standing_in
from tests.serving.raw import Reply, read_to_end

AUDIENCE = "https://krt.example.com"
CHANNEL = "kuberollouttrigger"
IMAGE = "ghcr.io/acme/shop"
EVENT = {"image": IMAGE, "tags": ["dev"]}


@dataclass(frozen=True, slots=True)
class Around:
    """The servers around krt. `environ` holds krt's settings for them."""

    issuer: StandInIssuer
    valkey: EmbeddedValkey
    stand_in: StandIn
    environ: Mapping[str, str]

    def token(self, **claims: object) -> str:
        """A job's token. `claims` replace the usual claims."""
        return self.issuer.token(claims.pop("audience", AUDIENCE), **claims)

    async def journaled(self) -> list[tuple[EventId, dict[str, str]]]:
        """The entries of the journal, as (id, fields)."""

        def read() -> list[tuple[EventId, dict[str, str]]]:
            with oracle.from_url(self.valkey.address, decode_responses=True) as client:
                return [(parse(entry), fields) for entry, fields in client.xrange("{krt}:journal")]

        return await trio.to_thread.run_sync(read)

    def of(self, role: str) -> dict[str, str]:
        """The settings of one role, without the variables that only other roles have."""
        others = {"web": ("KUBECONFIG",), "worker": ("KRT_OIDC_", "GITHUB_", "WEB_")}.get(role, ())
        return {name: value for name, value in self.environ.items() if not name.startswith(others or ("-",))}

    async def pending(self) -> list[int]:
        """The number of pending entries of each consumer group."""

        def read() -> list[int]:
            with oracle.from_url(self.valkey.address) as client:
                return [group["pending"] for group in client.xinfo_groups("{krt}:journal")]

        return await trio.to_thread.run_sync(read)

    async def fill_journal(self, entries: int) -> None:
        """Add entries that no reader understands."""

        def add() -> None:
            with oracle.from_url(self.valkey.address) as client:
                for _ in range(entries):
                    client.xadd("{krt}:journal", {"schema": "0"})

        await trio.to_thread.run_sync(add)

    async def publish(self, message: bytes) -> int:
        """Publish on the channel, as valkey-cli does. Returns the number of receivers."""

        def say() -> int:
            with oracle.from_url(self.valkey.address) as client:
                return client.publish(CHANNEL, message)

        return await trio.to_thread.run_sync(say)

    @asynccontextmanager
    async def call_in_hand(self, krt: "Krt") -> AsyncIterator[trio.SocketStream]:
        """Within the block, krt is handling an event: it has read the call, and waits for Valkey, which is paused."""
        self.valkey.pause()
        async with await trio.open_tcp_stream(krt.web.host, krt.web.port) as stream:
            await stream.send_all(post(self.token()))
            await wait_all_tasks_blocked(0.1)
            yield stream

    @asynccontextmanager
    async def overhearing(self) -> AsyncIterator["Ear"]:
        """Subscribe to the channel as a client other than krt."""
        with oracle.from_url(self.valkey.address) as client, client.pubsub() as pubsub:
            await trio.to_thread.run_sync(pubsub.subscribe, CHANNEL)
            ear = Ear(self, pubsub)
            await ear.next()
            yield ear


class Ear:
    """A subscriber of the channel."""

    def __init__(self, around: Around, pubsub: Any) -> None:
        self._around = around
        self._pubsub = pubsub

    async def next(self) -> object:
        """The next message, or the confirmation of the subscription."""
        message = await trio.to_thread.run_sync(lambda: self._pubsub.get_message(timeout=PATIENCE_SECONDS))
        assert message is not None, "nothing was heard"
        return message["data"]

    async def heard(self) -> list[object]:
        """Every message so far."""
        await self._around.publish(b"no event, only the end")
        messages = []
        while (message := await self.next()) != b"no event, only the end":
            messages.append(message)
        return messages


@cache
def _issuer() -> StandInIssuer:
    return StandInIssuer()  # its key takes a tenth of a second


@asynccontextmanager
async def around_krt(directory: Path, *, durable: bool = False, **cluster: Any) -> AsyncIterator[Around]:
    """Start everything on loopback. The stand-in cluster is empty."""
    issuer = _issuer()
    issuer.keys_fault, issuer.keys_body = KeysFault.NONE, None
    async with (
        served(issuer) as issuer.url,
        open_valkey(durable=durable) as server,
        standing_in(directory, **cluster) as stand_in,
    ):
        environ = {
            "KRT_OIDC_ISSUER": issuer.url,
            "GITHUB_OIDC_AUDIENCE": AUDIENCE,
            "GITHUB_ALLOWED_ORG": "acme@65",
            "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/",
            "VALKEY_ADDR": server.address,
            "KUBECONFIG": str(stand_in.kubeconfig),
            "WEB_LISTEN_ADDR": "127.0.0.1:0",
            "KRT_ADMIN_ADDR": "127.0.0.1:0",
        }
        yield Around(issuer, server, stand_in, environ)


@dataclass(frozen=True, slots=True)
class Krt:
    """A running krt."""

    bound: Bound

    @classmethod
    def at(cls, web: str, admin: str | None = None) -> "Krt":
        """A krt in another process, by its addresses."""
        return cls({"web": (parse_address(web),), "admin": (parse_address(admin),) if admin else ()})

    @classmethod
    def of(cls, process: Process) -> "Krt":
        """The krt in `process`, after both of its listeners have started."""
        (started,) = process.said("started")
        return cls.at(*(str(started[name][0]) for name in ("web_at", "admin_at") if name in started))

    @property
    def web(self) -> Address:
        return self.bound["web"][0]

    @property
    def admin(self) -> Address:
        return self.bound["admin"][0]

    async def post(self, token: str | None, event: object = EVENT, *, path: str = "/event", more: str = "") -> Reply:
        """POST an event. `more` holds further headers, one line each."""
        return await ask(self.web, post(token, event, path=path, more=more))

    async def problems(self) -> list[str]:
        """The problems on /readyz."""
        reply = await ask(self.admin, probe("/readyz"))
        told = json.loads(reply.body)
        assert (reply.status == 200) is told["ready"] is (not told["problems"])
        return told["problems"]

    async def is_ready(self) -> bool:
        return not await self.problems()

    async def is_alive(self) -> bool:
        return (await ask(self.admin, probe("/healthz"))).status == 200


@asynccontextmanager
async def running(role: str, environ: Mapping[str, str]) -> AsyncIterator[Krt]:
    """Run the daemon until the end of the block, where it is cancelled. Tests with processes cover the orderly stop."""
    settings = load(role, {}, environ)
    async with trio.open_nursery() as nursery:
        yield Krt(await nursery.start(root.run, settings))
        nursery.cancel_scope.cancel()


async def ask(address: Address, request: bytes) -> Reply:
    """Send these bytes, and read until the peer closes."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(request)
            return await read_to_end(stream)


def post(token: str | None, event: object = EVENT, *, path: str = "/event", more: str = "") -> bytes:
    """The bytes of a POST. An event that is not bytes is sent as JSON."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: krt.example.com", f"Content-Length: {len(body)}"]
    lines += [f"Authorization: Bearer {token}"] if token is not None else []
    lines += ["Content-Type: application/json"] if "content-type:" not in more.lower() else []
    return "\r\n".join([*lines, *more.splitlines(), "", ""]).encode() + body


def get(path: str, token: str | None = None, *, more: str = "") -> bytes:
    """The bytes of a GET. `more` holds further headers, one line each."""
    lines = [f"GET {path} HTTP/1.1", "Host: krt.example.com", *more.splitlines()]
    lines += [f"Authorization: Bearer {token}"] if token is not None else []
    return "\r\n".join([*lines, "", ""]).encode()


def probe(path: str) -> bytes:
    """The bytes of a GET that asks the server to close the connection."""
    return get(path, more="Connection: close")
