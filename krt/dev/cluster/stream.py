"""A watch on the wire: one JSON object a line, bookmarks between them, an end at timeoutSeconds."""

import math

import msgspec
import trio
from hypercorn.typing import ASGISendCallable

from krt.dev import asgi
from krt.dev.asgi import Answer
from krt.dev.cluster import status
from krt.dev.cluster.call import Call
from krt.dev.cluster.faults import Faults
from krt.dev.cluster.kinds import Json
from krt.dev.cluster.store import Store
from krt.dev.cluster.watch import Watch
from krt.errors import KrtError

LAST_BOOKMARK_SECONDS = 2  # before the end: the next watch can begin where this one ends
DEFAULT_TIMEOUT_SECONDS = 1_800
INITIAL_EVENTS_END: Json = {"annotations": {"k8s.io/initial-events-end": "true"}}


class _Broken(KrtError):
    """The connection is to break here."""


async def stream(
    store: Store, call: Call, send: ASGISendCallable, faults: Faults, *, broken: bool, bookmark_seconds: float
) -> None:
    """Serve the watch until it ends; `broken` breaks it in the middle of its first object.

    Raises Refused before anything was sent.
    """
    after, end = call.version, trio.current_time() + (call.timeout_seconds or DEFAULT_TIMEOUT_SECONDS)
    try:
        watch = store.watch(call.kind, call.namespace, after)
    except LookupError:
        await _refuse(send, status.expired(f"too old resource version: {after} ({store.floor(call.kind)})"))
        return
    relay = _Relay(store, call, watch, send, faults, broken=broken)
    try:
        await asgi.start(send, Answer(200), length=None)
        await relay.run(end, bookmark_seconds if call.bookmarks else math.inf)
        await asgi.write(send, b"", more=False)
    except _Broken:
        pass  # an application that returns before its last byte makes the server break the connection
    finally:
        store.unwatch(call.kind, watch)


async def _refuse(send: ASGISendCallable, refused: status.Refused) -> None:
    await asgi.start(send, Answer(200), length=None)
    error = b'{"type":"ERROR","object":' + msgspec.json.encode(refused.status) + b"}\n"
    await asgi.write(send, error, more=False)


class _Relay:
    """From one watch to one client."""

    def __init__(
        self,
        store: Store,
        call: Call,
        watch: Watch,
        send: ASGISendCallable,
        faults: Faults,
        *,
        broken: bool,
    ) -> None:
        self._store, self._kind, self._watch = store, call.kind, watch
        self._send, self._faults, self._broken = send, faults, broken
        self._initial = watch.waiting if call.bookmarks and not call.version else -1

    async def run(self, end: float, bookmark_seconds: float) -> None:
        """Until the clock shows `end` or the watch ends."""
        due = _next_bookmark(end, bookmark_seconds)
        while trio.current_time() < end:
            await self._close_initial()
            try:
                change = await self._watch.next(until=min(due, end))
            except trio.EndOfChannel:
                return
            if change:
                self._initial -= 1
                await self._line(change.type, change.version.body)
            elif trio.current_time() >= due:
                await self._bookmark({})
                due = _next_bookmark(end, bookmark_seconds)
        await self._hush()

    async def _close_initial(self) -> None:
        if self._initial == 0:
            self._initial = -1
            await self._bookmark(INITIAL_EVENTS_END)

    async def _bookmark(self, metadata: Json) -> None:
        """Only what was sent counts: none while older changes wait, none at a version of the future."""
        number = self._watch.seen if self._watch.waiting else self._store.number
        if 0 < number >= self._watch.seen:
            marked = {"metadata": {"resourceVersion": str(number), **metadata}, "spec": {}, "status": {}}
            await self._line("BOOKMARK", msgspec.json.encode(marked))

    async def _line(self, event: str, body: bytes) -> None:
        await self._hush()
        line = b'{"type":"%s","object":%s}\n' % (event.encode(), self._kind.type_fields() + body[1:])
        if self._broken or self._faults.cut_watches:
            await asgi.write(self._send, line[: len(line) // 2], more=True)
            raise _Broken
        await asgi.write(self._send, line, more=True)

    async def _hush(self) -> None:
        if self._faults.silent_watches:
            await self._watch.ended.wait()


def _next_bookmark(end: float, bookmark_seconds: float) -> float:
    now = trio.current_time()
    last = end - LAST_BOOKMARK_SECONDS
    return min(now + bookmark_seconds, last) if now < last and bookmark_seconds < math.inf else now + bookmark_seconds
