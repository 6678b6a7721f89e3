"""An HTTPS reverse proxy that injects faults: another status, a late answer, half an answer, or none.

It ends TLS with its own certificate and sends each request to the real server. Answers stream through, as watches
need it.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import h11
import httpx
import trio
import trustme
from trio_util import AsyncValue

from tests.fakes.faults import Answer, Faults, Half, Late, Request, Silence
from tests.fakes.http_peer import Peer, Stream, connect, passed_on
from tests.fakes.ports import free_ports


class HttpsProxy:
    """Open it with `open_https_proxy`. Add faults to `faults`."""

    def __init__(self, server_url: str, server_context: ssl.SSLContext, ca_file: Path) -> None:
        self.port = free_ports(1)[0]
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca_file = ca_file
        self.faults = Faults()
        self.answering = AsyncValue(0)  # requests being answered
        self.held = AsyncValue(0)  # answers of which the rest is held: the server has done what was asked
        server = httpx.URL(server_url)
        self._connect = partial(connect, server.host, server.port or 443, server_context)

    async def serve(self, stream: Stream) -> None:
        """Serve one connection to its end."""
        client = Peer(stream, h11.SERVER)
        try:
            while isinstance(asked := await client.next_event(), h11.Request):
                await self._exchange(client, asked, await client.read_body())
                if not client.begin_next():
                    break
        except* (trio.BrokenResourceError, OSError, h11.ProtocolError):
            pass  # either side may hang up at any time
        finally:
            await trio.aclose_forcefully(stream)  # without TLS's close_notify, so that a cut looks like a cut

    async def _exchange(self, client: Peer, asked: h11.Request, body: bytes) -> None:
        self.answering.value += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.watch_for_hangup, nursery.cancel_scope)
                await self._respond(client, asked, body)
                nursery.cancel_scope.cancel()
        finally:
            self.answering.value -= 1

    async def _respond(self, client: Peer, asked: h11.Request, body: bytes) -> None:
        match fault := self.faults.take(Request(asked.method.decode(), asked.target.decode())):
            case Answer():
                await client.send(*_events_of(fault))
            case Silence():
                await trio.sleep_forever()
            case Late(seconds):
                await trio.sleep(seconds)
                await self._forward(client, asked, body)
            case Half(body_bytes, held):
                await self._forward(client, asked, body, body_bytes=body_bytes)
                self.held.value += held
                await trio.sleep(float("inf") if held else 0)
            case None:
                await self._forward(client, asked, body)

    async def _forward(self, client: Peer, asked: h11.Request, body: bytes, *, body_bytes: int | None = None) -> None:
        """Pass the whole answer on, or only `body_bytes` of its body."""
        async with self._connect() as server:
            headers = passed_on(asked.headers)
            await server.send(h11.Request(method=asked.method, target=asked.target, headers=headers))
            await server.send(h11.Data(body), h11.EndOfMessage())
            answer = await server.next_event()
            assert isinstance(answer, h11.Response), answer
            headers = passed_on(answer.headers)
            await client.send(h11.Response(status_code=answer.status_code, headers=headers))
            while isinstance(event := await server.next_event(), h11.Data):
                await client.send(h11.Data(event.data[:body_bytes]))
                if body_bytes is not None:
                    body_bytes -= len(event.data)
                    if body_bytes <= 0:
                        return
        await client.send(h11.EndOfMessage())


@asynccontextmanager
async def open_https_proxy(server_url: str, server_context: ssl.SSLContext, folder: Path) -> AsyncIterator[HttpsProxy]:
    """Run a proxy in front of that origin. The certificate of the proxy's own authority is written into the folder."""
    context, ca_file = _certificate(folder)
    proxy = HttpsProxy(server_url, server_context, ca_file)
    listen = partial(trio.serve_ssl_over_tcp, host="127.0.0.1", https_compatible=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, proxy.serve, proxy.port, context)
        yield proxy
        nursery.cancel_scope.cancel()


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    ca_file = folder / "proxy-ca.crt"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, ca_file


def _events_of(answer: Answer) -> tuple[h11.Event, ...]:
    headers = [*answer.headers.items(), ("Content-Length", str(len(answer.body)))]
    return h11.Response(status_code=answer.status, headers=headers), h11.Data(answer.body), h11.EndOfMessage()
