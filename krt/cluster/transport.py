"""Calls of the API server: paths and bytes, with a deadline and a bound on each answer.

krt makes these calls with httpx and not with a client library. kr8s runs on Trio, but reads answers without a bound,
keeps whole objects and leaves client keys in temporary files. lightkube's asynchronous watch needs asyncio. The calls
of `kubernetes` are synchronous (docs/decisions/0004).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

import httpx
import trio

from krt.cluster import wire
from krt.cluster.refusal import refusal
from krt.cluster.source import Header
from krt.cluster.unpack import Unpacker, UnpackError
from krt.errors import ClusterDenied, ClusterUnavailable
from krt.http import bounded_body, cause_of

T = TypeVar("T")

_CALL_SECONDS = 10.0
_MOST_LINE_BYTES = 4 * 1024 * 1024  # of a watch; etcd stores no object above 1.5 MiB
_MOST_OBJECT_BYTES = 4 * 1024 * 1024
_MOST_REFUSAL_BYTES = 64 * 1024

Conceal = Callable[[wire.Status], wire.Status]


def as_sent(status: wire.Status) -> wire.Status:
    """The Status, unchanged."""
    return status


class Authenticator(Protocol):
    """Gives the headers that authenticate a request, and is notified of the result."""

    async def headers(self) -> tuple[Header, ...]:
        """The headers for a request. Raises ClusterUnavailable if there are no credentials that can be used."""
        ...

    def accept(self) -> None:
        """Note that the API server did not answer 401."""
        ...

    def refuse(self) -> None:
        """Note that the API server refused the headers (401)."""
        ...

    def doubt(self) -> None:
        """Note that krt could not connect."""
        ...


class AnswerTooLarge(ClusterUnavailable):
    """The API server sent more bytes or objects than the caller takes. krt uses nothing of the answer."""


class Transport:
    """Makes the calls, with the headers that `credentials` gives for each.

    Each call may raise ClusterUnavailable, ClusterDenied, ClusterRefused, NotThere, Conflict, VersionExpired.
    """

    def __init__(self, client: httpx.AsyncClient, credentials: Authenticator) -> None:
        self._client = client
        self._credentials = credentials

    async def call(
        self,
        method: str,
        path: str,
        *,
        seconds: float = _CALL_SECONDS,
        most_bytes: int = _MOST_OBJECT_BYTES,
        **more: Any,
    ) -> bytes:
        """The uncompressed body of the answer. Raises AnswerTooLarge if it has more than `most_bytes`.

        `seconds` bounds the call, but not the reading of credentials before it. `more` goes to httpx's `build_request`.
        """
        _, body = await self.ask(method, path, seconds=seconds, most_bytes=most_bytes, **more)
        return body

    async def ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float = _CALL_SECONDS,
        most_bytes: int = _MOST_OBJECT_BYTES,
        conceal: Conceal = as_sent,
        **more: Any,
    ) -> tuple[int, bytes]:
        """The status code (200 to 202), and the body that `call` returns. `conceal` edits the Status of a refusal."""
        request = await self._prepared(method, path, **more)
        with _translated(), _deadline(seconds):
            async with self._answered(request, conceal) as response:
                return response.status_code, await _body(response, most_bytes)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer that ends when the server ends it. Only the answer's head has a deadline.

        Reading raises ClusterUnavailable for a line of more than 4 MiB.
        """
        request = await self._prepared("GET", path, params=params, headers=headers)
        with _translated():
            async with AsyncExitStack() as stack:
                with _deadline(_CALL_SECONDS):
                    response = await stack.enter_async_context(self._answered(request, as_sent))
                chunks = response.aiter_raw()
                lines = _lines(chunks)
                stack.push_async_callback(_exhaust, chunks)
                stack.push_async_callback(_exhaust, lines)
                yield lines

    async def _prepared(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Request:
        own = await self._credentials.headers()  # has its own deadline, because it may run a plugin
        # As bytes: the name to impersonate may have letters outside of ASCII, and kubectl sends it in UTF-8.
        every = [(name.encode(), value.encode()) for name, value in (*(headers or {}).items(), *own)]
        return self._client.build_request(method, path, headers=every, **more)

    @asynccontextmanager
    async def _answered(self, request: httpx.Request, conceal: Conceal) -> AsyncIterator[httpx.Response]:
        """The answer, with its body unread. If its status is not 200 to 202, raises the error that `refusal` returns.

        Frees the connection at the end.
        """
        try:
            response = await self._client.send(request, stream=True)
        except httpx.ConnectError:
            self._credentials.doubt()
            raise
        try:
            if response.status_code != 401:
                self._credentials.accept()
            if response.status_code not in {200, 201, 202}:
                raise await self._refused(response, conceal)
            yield response
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await response.aclose()

    async def _refused(self, response: httpx.Response, conceal: Conceal) -> Exception:
        body, _ = await bounded_body(response, _MOST_REFUSAL_BYTES)
        status, path = conceal(wire.read_status(body)), self._client.base_url.path
        error = refusal(response.status_code, status, response.headers.get("Retry-After"), path=path)
        if response.status_code == 401 and isinstance(error, ClusterDenied):  # an admission's 401 is ClusterRefused
            self._credentials.refuse()
        return error


def decoded(read: Callable[[bytes], T], body: bytes) -> T:
    """`read(body)`. Raises ClusterUnavailable if the body is not of the expected form."""
    try:
        return read(body)
    except wire.UNREADABLE as error:
        raise ClusterUnavailable(f"the answer is not the expected JSON: {error}") from error


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError as error:
        raise ClusterUnavailable(f"no answer within {seconds:g} s") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpx.RequestError, httpx.StreamError) as error:
        raise ClusterUnavailable(f"{type(error).__name__}: {cause_of(error)}") from error
    except UnpackError as error:
        raise ClusterUnavailable(str(error)) from error


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    """The uncompressed body. Raises AnswerTooLarge as soon as it has more than `most_bytes`."""
    unpacker = Unpacker(response.headers.get("Content-Encoding", ""))
    chunks, body, size = response.aiter_raw(), [], 0
    try:
        async for chunk in chunks:
            for number, piece in enumerate(unpacker.pieces(chunk)):
                if number:  # reading the chunk was a checkpoint, but decompressing all of it may take long
                    await trio.lowlevel.checkpoint()
                body.append(piece)
                size += len(piece)
                if size > most_bytes:
                    raise AnswerTooLarge(f"an answer of more than {most_bytes // 1024} KiB")
    finally:
        await _exhaust(chunks)
    unpacker.finish()
    return b"".join(body)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    kept = b""
    async for chunk in chunks:
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(kept) > _MOST_LINE_BYTES:
            raise ClusterUnavailable(f"the watch sent a line of more than {_MOST_LINE_BYTES} bytes")


async def _exhaust(pieces: AsyncIterator[bytes]) -> None:
    # Unwinds a generator by a cancellation. The garbage collector cannot close an asynchronous generator on Trio.
    with trio.CancelScope() as scope:
        scope.cancel()
        async for _ in pieces:
            pass
