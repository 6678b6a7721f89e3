"""The live connections of one listener: how many there may be, of whom, what they hold, and how the idle ones end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import trio

from krt.serving.denial import Denial
from krt.serving.head import HeadReader
from krt.serving.listener import Listener
from krt.serving.peers import is_trusted, parse_peer, peer_key

_NOBODY = ""  # the key of those who are counted together only


class Connections:
    """Counts a connection from its acceptance until its app has ended.

    A connection reads within a cancel scope that has a deadline exactly while no request is in hand.
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
        """Counts the connection within the block, unless there are too many: then gives the reason."""
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
        """Within the block the connection is ended when the listener drains and it is idle."""
        self._reading.add(reading)
        if self.draining:
            _end_idle(reading)
        try:
            yield
        finally:
            self._reading.discard(reading)

    def drain(self) -> None:
        """Ends what is idle. What is busy finishes its request, and must not become idle again."""
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
    """The bytes of all heads that are not whole yet. When they become too many, the largest is given up.

    Not the one that came last: whoever fills the room would keep everybody else out of it. An ordinary head is smaller
    than the average of those that can fill it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: dict[HeadReader, tuple[int, trio.CancelScope]] = {}

    def hold(self, head: HeadReader, reading: trio.CancelScope) -> None:
        """Counts what the head holds by now. `reading` is cancelled when it is given up.

        Of heads of one size it is the one that has not grown for the longest time.
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
        """Counts this one no more."""
        size_bytes, _ = self._held.pop(head, (0, None))
        self._bytes -= size_bytes
