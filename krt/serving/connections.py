"""The open connections of one listener: bounds on their number and memory, and the end of idle ones."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import trio

from krt.serving.denial import Denial
from krt.serving.head import HeadReader
from krt.serving.listener import Listener
from krt.serving.peers import is_trusted, parse_peer, peer_key

_NOBODY = ""  # the key of trusted proxies, which are counted in the total only


class Connections:
    """Counts each connection from its acceptance until its app has ended.

    Each connection reads within a cancel scope. The scope has a finite deadline exactly while the connection is idle,
    that is, while no request is being answered.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._total = 0
        self._of_peer: Counter[str] = Counter()
        self._reading: set[trio.CancelScope] = set()
        self.heads = HeadRoom(listener.max_unfinished_head_bytes)
        self.draining = False

    @contextmanager
    def admit(self, peer: str) -> Iterator[Denial | None]:
        """Count the connection within the block, and yield None. If there are too many, yield the reason instead."""
        address = parse_peer(peer)
        key = _NOBODY if is_trusted(address, self._listener.trusted_proxies) else peer_key(address)
        denial = self._denial(key)
        if denial is None:
            self._count(key, 1)
        try:
            yield denial
        finally:
            if denial is None:
                self._count(key, -1)

    @contextmanager
    def tracked(self, reading: trio.CancelScope) -> Iterator[None]:
        """Within the block, end the connection if it is idle while the listener drains."""
        self._reading.add(reading)
        if self.draining:
            _end_idle(reading)
        try:
            yield
        finally:
            self._reading.discard(reading)

    def drain(self) -> None:
        """End the idle connections. A busy one finishes its request; its answer says that the connection closes."""
        self.draining = True
        for reading in self._reading:
            _end_idle(reading)

    def _denial(self, key: str) -> Denial | None:
        if self._total >= self._listener.max_connections:
            return Denial.TOO_MANY_CONNECTIONS
        of_peer = self._listener.max_connections_per_peer
        if key != _NOBODY and of_peer is not None and self._of_peer[key] >= of_peer:
            return Denial.TOO_MANY_CONNECTIONS_OF_PEER
        return None

    def _count(self, key: str, change: int) -> None:
        self._total += change
        self._of_peer[key] += change
        if not self._of_peer[key]:
            del self._of_peer[key]
        self._listener.on_count(self._total)


def _end_idle(reading: trio.CancelScope) -> None:
    if reading.deadline < inf:
        reading.cancel()


class HeadRoom:
    """Bounds the bytes of all incomplete heads together. Beyond the bound, the largest head is evicted.

    The largest is evicted, not the newest: otherwise a client that fills the bound would lock everybody else out. An
    ordinary head is smaller than the average head at the bound, and survives.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: dict[HeadReader, tuple[int, trio.CancelScope]] = {}

    def hold(self, head: HeadReader, reading: trio.CancelScope) -> None:
        """Count the head's bytes so far. `reading` is cancelled if the head is evicted.

        Of several largest heads, the one that has not grown for the longest time is evicted.
        """
        self.release(head)
        self._held[head] = head.size_bytes, reading
        self._bytes += head.size_bytes
        while self._bytes > self._most_bytes:
            largest = max(self._held, key=lambda held: self._held[held][0])
            _, its_reading = self._held[largest]
            self.release(largest)
            largest.give_up()
            its_reading.cancel()

    def release(self, head: HeadReader) -> None:
        """Stop counting this head."""
        size_bytes, _ = self._held.pop(head, (0, None))
        self._bytes -= size_bytes
