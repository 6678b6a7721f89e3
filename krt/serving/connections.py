"""The live connections of one listener: how many there may be, of whom, and which wait for a request."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from krt.serving.denial import Denial
from krt.serving.listener import Listener
from krt.serving.peers import is_trusted, parse_peer, peer_key

_NOBODY = ""  # the key of those who are counted together only


class Connections:
    """Counts a connection from its acceptance until its app has ended; knows how to end the idle ones."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._total = 0
        self._of_peer: Counter[str] = Counter()
        self._idle: set[trio.CancelScope] = set()
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

    def set_idle(self, reading: trio.CancelScope, *, idle: bool) -> None:
        """An idle connection is ended when the listener drains; a busy one finishes its request."""
        if not idle:
            self._idle.discard(reading)
        elif self.draining:
            reading.cancel()
        else:
            self._idle.add(reading)

    def drain(self) -> None:
        self.draining = True
        for reading in self._idle:
            reading.cancel()

    @property
    def total(self) -> int:
        return self._total

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
