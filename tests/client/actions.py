"""GitHub's token service and krt web in one small server on real sockets, able to misbehave on purpose."""

import base64
import json
import queue
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import h11
import trio

from tests.fakes.pace import PATIENCE_SECONDS

REQUEST_TOKEN = "the-secret-of-the-job"
EVENT_ID = "1763690000123-0"
DOWN_SECONDS = 0.2  # how long a restart takes


def a_token(*, life_seconds: float = 300, **claims: object) -> str:
    """A token as GitHub makes them, signed by nobody."""
    now = int(time.time())
    payload = {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "https://krt.example.com",
        "sub": "repo:acme@65/shop@74:ref:refs/heads/main",
        "repository": "acme/shop",
        "repository_id": "74",
        "repository_owner": "acme",
        "repository_owner_id": "65",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "ref_protected": "true",
        "sha": "1" * 40,
        "event_name": "push",
        "environment": "dev",
        "workflow_ref": "acme/shop/.github/workflows/push.yml@refs/heads/main",
        "job_workflow_ref": "acme/ci/.github/workflows/push.yml@refs/heads/main",
        "job_workflow_sha": "2" * 40,
        "runner_environment": "github-hosted",
        "repository_visibility": "private",
        "actor": "eve",
        "actor_id": "7",
        "run_id": "19500000000",
        "run_number": "10",
        "run_attempt": "1",
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + int(life_seconds),
        **claims,
    }
    parts = json.dumps({"alg": "RS256", "typ": "JWT", "kid": "k"}).encode(), json.dumps(payload).encode()
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, secrets.token_bytes(64)))


@dataclass(frozen=True, slots=True)
class Reply:
    """`cut`: so many bytes of it are sent, then the connection is dropped. `silent`: nothing is ever sent.

    `raw`: sent as it is, instead of HTTP. `held_seconds`: so long nothing is sent. `restarts`: afterwards the whole
    server is away for a moment, and nobody listens. `foreign`: without the mark of krt web's own answers.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    silent: bool = False
    raw: bytes | None = None
    held_seconds: float = 0
    restarts: bool = False
    foreign: bool = False


def accepted(event_id: str = EVENT_ID) -> Reply:
    body = json.dumps({"id": event_id, "status": f"/events/{event_id}"}).encode()
    return Reply(202, body, (("Location", f"/events/{event_id}"), ("Content-Type", "application/json")))


def problem(status: int, **members: object) -> Reply:
    body = json.dumps({"type": "about:blank", "status": status, **members}).encode()
    return Reply(status, body, (("Content-Type", "application/problem+json"),))


def gives(token: str) -> Reply:
    return Reply(200, json.dumps({"count": len(token), "value": token}).encode())


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        (value,) = (v for n, v in self.headers if n == name)
        return value


@dataclass
class Actions:
    """What is answered: one reply after another, the last for ever; `tokens` None: a new one each time.

    `events` are for what is posted, `reports` for who asks how it went.
    """

    events: list[Reply] = field(default_factory=lambda: [accepted()])
    reports: list[Reply] = field(default_factory=lambda: [Reply(404)])
    tokens: list[Reply] | None = None
    seen: list[Seen] = field(default_factory=list)
    arrivals: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    given: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "KRT_URL": self.url,
        }

    @property
    def posts(self) -> list[Seen]:
        return [request for request in self.seen if request.method == "POST"]

    @property
    def looks(self) -> list[Seen]:
        return [request for request in self.seen if "/events/" in request.target]

    @property
    def asked(self) -> list[Seen]:
        return [request for request in self.seen if request.target.startswith("/token")]

    def saw(self, path: str) -> bool:
        """Wait until a request for `path` has arrived."""
        while not self.arrivals.get(timeout=PATIENCE_SECONDS).startswith(path):
            pass
        return True

    def reply_to(self, request: Seen) -> Reply:
        if request.target.startswith("/token"):
            return self._a_new_token() if self.tokens is None else _next(self.tokens)
        return _next(self.reports if "/events/" in request.target else self.events)

    def _a_new_token(self) -> Reply:
        self.given.append(a_token())
        return gives(self.given[-1])


def _next(replies: list[Reply]) -> Reply:
    return replies.pop(0) if len(replies) > 1 else replies[0]


@contextmanager
def running(actions: Actions, tls: ssl.SSLContext | None = None) -> Iterator[Actions]:
    """`actions`, listening on a free port of loopback in a thread with a loop of its own."""
    ready, stop = threading.Event(), trio.Event()
    loops: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        loops.append(trio.lowlevel.current_trio_token())
        port = 0
        while not stop.is_set():
            async with trio.open_nursery() as nursery:
                restart = trio.Event()
                serve = partial(_serve, actions, tls, restart)
                (listener,) = await nursery.start(partial(trio.serve_tcp, serve, port, host="127.0.0.1"))
                port = listener.socket.getsockname()[1]
                actions.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
                ready.set()
                await _first(restart, stop)
                nursery.cancel_scope.cancel()
            with trio.move_on_after(DOWN_SECONDS):
                await stop.wait()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield actions
    finally:
        trio.from_thread.run_sync(stop.set, trio_token=loops[0])
        thread.join(PATIENCE_SECONDS)


async def _first(*events: trio.Event) -> None:
    async def wait(event: trio.Event) -> None:
        await event.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(wait, event)


async def _serve(actions: Actions, tls: ssl.SSLContext | None, restart: trio.Event, stream: trio.abc.Stream) -> None:
    if tls:
        stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
    with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
        async with stream:
            if (await _exchange(actions, stream)).restarts:
                restart.set()


async def _exchange(actions: Actions, stream: trio.abc.Stream) -> Reply:
    connection = h11.Connection(h11.SERVER)
    request = await _receive(connection, stream)
    actions.seen.append(request)
    actions.arrivals.put(request.target)
    reply = actions.reply_to(request)
    if reply.silent:
        await trio.sleep_forever()
    await trio.sleep(reply.held_seconds)
    mark = [] if reply.foreign else [("X-Request-Id", secrets.token_hex(8))]
    headers = [*reply.headers, *mark, ("Content-Length", str(len(reply.body))), ("Connection", "close")]
    sent = b"".join(
        connection.send(event) or b""
        for event in (
            h11.Response(status_code=reply.status, headers=headers),
            h11.Data(data=reply.body),
            h11.EndOfMessage(),
        )
    )
    await stream.send_all((reply.raw or sent)[: reply.cut])
    return reply


async def _receive(connection: h11.Connection, stream: trio.abc.Stream) -> Seen:
    head: h11.Request | None = None
    body = b""
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            case h11.Request() as head:
                pass
            case h11.Data(data=data):
                body += data
            case _:
                break
    if head is None:
        raise trio.BrokenResourceError("the caller left without a request")
    headers = tuple((name.decode(), value.decode()) for name, value in head.headers)
    return Seen(head.method.decode(), head.target.decode(), headers, body)
