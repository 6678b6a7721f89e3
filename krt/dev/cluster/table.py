"""Holds the objects of one kind."""

from collections import deque

from krt.dev.cluster.kinds import Kind
from krt.dev.cluster.watch import Change, Version, Watch


class Table:
    """The objects of one kind in the order of their keys, its recent changes, and its watches."""

    def __init__(self, kind: Kind, history: int) -> None:
        self.kind = kind
        self.objects: dict[str, Version] = {}
        self.history: deque[Change] = deque(maxlen=history)
        self.floor = 0
        """The newest version that was dropped from `history`: a watch from before it would miss changes."""
        self.watches: set[Watch] = set()
        self._in_order = True

    def put(self, version: Version) -> None:
        """Store the version under its key."""
        self._in_order = self._in_order and version.key in self.objects
        self.objects[version.key] = version

    def ordered(self, namespace: str) -> tuple[Version, ...]:
        """The objects in the order of their keys; of all namespaces if `namespace` is empty."""
        if not self._in_order:
            self.objects = dict(sorted(self.objects.items()))
            self._in_order = True
        if not namespace:
            return tuple(self.objects.values())
        return tuple(version for key, version in self.objects.items() if key.startswith(f"{namespace}/"))

    def tell(self, change: Change) -> None:
        """Add the change to the history and to every watch."""
        if len(self.history) == self.history.maxlen:
            self.floor = self.history[0].version.number
        self.history.append(change)
        self.watches -= {watch for watch in self.watches if not watch.offer(change)}
