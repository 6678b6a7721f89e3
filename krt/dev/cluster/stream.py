"""Sends a watch: one JSON object in each line, bookmarks between them, and the end at timeoutSeconds."""

import math
from dataclasses import dataclass

import msgspec
import trio

from krt.dev import asgi
from krt.dev.cluster import status
from krt.dev.cluster.call import ApiCall
from krt.dev.cluster.faults import Faults
from krt.dev.cluster.kinds import Json, Kind
from krt.dev.cluster.store import ObjectStore
from krt.dev.cluster.watch import Watch
from krt.errors import KrtError
from krt.serving.asgi import Send, send_body

LAST_BOOKMARK_SECONDS = 2  # before the end, so that the next watch can begin where this one ends
DEFAULT_TIMEOUT_SECONDS = 1_800
INITIAL_EVENTS_END: Json = {"annotations": {"k8s.io/initial-events-end": "true"}}


class _Broken(KrtError):
    """The connection must break here."""


@dataclass(frozen=True, slots=True)
class Window:
    """The request of a watch: the changes after version `after`, for `seconds`."""

    kind: Kind
    namespace: str
    after: int
    seconds: float
    bookmarks: bool


def window_of(call: ApiCall) -> Window:
    """The window that the call asks for. Raises ApiRefusal for malformed numbers."""
    seconds = call.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
    return Window(call.kind, call.namespace, call.version, seconds, call.bookmarks)


async def stream(
    store: ObjectStore, window: Window, send: Send, faults: Faults, *, broken: bool, bookmark_seconds: float
) -> None:
    """Serve the watch until it ends. With `broken` the connection breaks in the middle of the first object."""
    end = trio.current_time() + window.seconds
    await asgi.start(send, status.answered(200), length=None)
    try:
        watch = store.watch(window.kind, window.namespace, window.after)
    except LookupError:
        await send_body(send, _expired(window.after, store.floor(window.kind)), more=False)
        return
    relay = _Relay(store, window, watch, send, faults, broken=broken)
    try:
        await relay.run(end, bookmark_seconds if window.bookmarks else math.inf)
        await send_body(send, b"", more=False)
    except _Broken:
        pass  # if the app returns before its last byte, the server breaks the connection
    finally:
        store.unwatch(window.kind, watch)


def _expired(number: int, floor: int) -> bytes:
    refused = status.expired(f"too old resource version: {number} ({floor})")
    return b'{"type":"ERROR","object":%s}\n' % msgspec.json.encode(refused.status)


class _Relay:
    """Sends the changes of one watch to one client."""

    def __init__(
        self,
        store: ObjectStore,
        window: Window,
        watch: Watch,
        send: Send,
        faults: Faults,
        *,
        broken: bool,
    ) -> None:
        self._store, self._kind, self._watch, self._after = store, window.kind, watch, window.after
        self._send, self._faults, self._broken = send, faults, broken
        self._initial = watch.waiting if window.bookmarks and not window.after else -1

    async def run(self, end: float, bookmark_seconds: float) -> None:
        """Send changes and bookmarks until `end`, on Trio's clock, or until the watch ends."""
        due = _next_bookmark(end, bookmark_seconds)
        while trio.current_time() < end:
            await self._close_initial()
            try:
                change = await self._watch.next(until=min(due, end))
            except trio.EndOfChannel:
                await self._close_expired()
                return
            if change:
                self._initial -= 1
                await self._line(change.type, change.version.body)
            elif trio.current_time() >= due:
                await self._bookmark({})
                due = _next_bookmark(end, bookmark_seconds)
        await self._hush()

    async def _close_expired(self) -> None:
        if self._watch.expired:
            await send_body(self._send, _expired(self._watch.seen, self._store.number), more=True)

    async def _close_initial(self) -> None:
        if self._initial == 0:
            self._initial = -1
            await self._bookmark(INITIAL_EVENTS_END)

    async def _bookmark(self, metadata: Json) -> None:
        """Send a bookmark for the newest version that the client has, unless the watch began there or later."""
        number = self._watch.seen if self._watch.waiting else self._store.number
        if number >= self._watch.seen and number > self._after:
            marked = {"metadata": {"resourceVersion": str(number), **metadata}, "spec": self._kind.empty_spec}
            await self._line("BOOKMARK", msgspec.json.encode(marked | {"status": {}}))

    async def _line(self, event: str, body: bytes) -> None:
        await self._hush()
        line = b'{"type":"%s","object":%s}\n' % (event.encode(), self._kind.type_fields() + body[1:])
        if self._broken or self._faults.cut_watches:
            await send_body(self._send, line[: len(line) // 2], more=True)
            raise _Broken
        await send_body(self._send, line, more=True)

    async def _hush(self) -> None:
        if self._faults.silent_watches:
            await self._watch.ended.wait()


def _next_bookmark(end: float, bookmark_seconds: float) -> float:
    now = trio.current_time()
    last = end - LAST_BOOKMARK_SECONDS
    return min(now + bookmark_seconds, last) if now < last and bookmark_seconds < math.inf else now + bookmark_seconds
