"""The live connections of one listener: how many there may be, of whom, and how the idle ones end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import trio

from krt.serving.denial import Denial
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
        if self.draining:
            reading.cancel()
        self._reading.add(reading)
        try:
            yield
        finally:
            self._reading.discard(reading)

    def drain(self) -> None:
        """Ends what is idle. What is busy finishes its request, and must not become idle again."""
        self.draining = True
        for reading in self._reading:
            if reading.deadline < inf:
                reading.cancel()

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
