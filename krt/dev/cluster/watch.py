"""One watch: the changes after a version, in order, in a bounded buffer. If the reader is too slow, the watch ends."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec
import trio

from krt.dev.cluster.kinds import Json

BUFFER = 1_000  # changes; if the buffer is full, the watch ends, as on the real server


@dataclass(frozen=True, slots=True)
class Version:
    """One state of one object. `body` is its JSON as in a list: without kind and apiVersion."""

    key: str
    number: int
    body: bytes

    def document(self) -> Json:
        """A new copy of the object."""
        decoded: Json = msgspec.json.decode(self.body)
        return decoded


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object. `version` is the object's state after it, or before its deletion."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    version: Version


class Watch:
    """The changes after version `after`. `missed` are the changes between the reader's version `seen` and now."""

    def __init__(self, namespace: str, *, seen: int, after: int, missed: Iterable[Change]) -> None:
        self.seen = seen
        """The newest version that the reader has taken."""
        self.ended = trio.Event()
        self.expired = False
        self._after = after
        self._prefix = f"{namespace}/" if namespace else ""
        backlog = [change for change in missed if change.version.key.startswith(self._prefix)]
        self._send, self._receive = trio.open_memory_channel[Change](max(BUFFER, len(backlog)))
        for change in backlog:
            self._send.send_nowait(change)

    @property
    def waiting(self) -> int:
        """The number of changes in the buffer."""
        return self._receive.statistics().current_buffer_used

    def offer(self, change: Change) -> bool:
        """Buffer the change if it concerns this watch. False: the watch has ended, or ends now with a full buffer."""
        if self.ended.is_set():
            return False
        if change.version.number <= self._after or not change.version.key.startswith(self._prefix):
            return True
        try:
            self._send.send_nowait(change)
        except trio.WouldBlock:
            self.end()
            return False
        return True

    async def next(self, *, until: float = math.inf) -> Change | None:
        """The next change, or None at `until` (Trio's clock). Raises trio.EndOfChannel once the watch has ended."""
        change = None
        with trio.move_on_at(until):
            change = await self._receive.receive()
            self.seen = max(self.seen, change.version.number)
        return change

    def end(self, *, expired: bool = False) -> None:
        """End the watch. The reader gets the buffered changes, with `expired` an error 410, and then the end."""
        self._send.close()
        self.expired = expired
        self.ended.set()
