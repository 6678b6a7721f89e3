"""What is followed, and how that stands."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio
from trio_util import AsyncValue

from krt.cluster.wire import Reader
from krt.core.kube.resource import Resource
from krt.errors import ClusterError, VersionExpired

T = TypeVar("T")

_DENIED_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class State:
    """How far a scope has been followed, and who waits for more. Times are on Trio's clock."""

    version: str | None = None  # what the next watch begins after; None: list first
    listed: trio.Event = field(default_factory=trio.Event)  # set for ever after the first complete list
    denied: trio.Event = field(default_factory=trio.Event)  # set at the next denial, and then another one
    problem: str | None = "not listed yet"  # why the store may be behind in this scope
    denied_since: float | None = None  # while it may not be listed or watched
    heard_at: float = -math.inf  # the last list, bookmark or change
    watch_ends: Counter[str] = field(default_factory=Counter)  # by reason
    wanted_at: AsyncValue[float] = field(default_factory=lambda: AsyncValue(-math.inf))  # somebody waits for heard_at
    watching: trio.CancelScope = field(default_factory=trio.CancelScope)  # the watch that is open

    @property
    def is_closed(self) -> bool:
        """Whether it is denied for longer than an API server denies everybody while it starts."""
        return self.denied_since is not None and trio.current_time() - self.denied_since >= _DENIED_SECONDS

    def check_order(self, known: str | None, version: str) -> None:
        """Compare a version that the server gave out with one that it had given out before.

        Raises VersionExpired where the server has gone back: etcd was restored from a copy. What the store holds is
        then of a future that never comes, and nothing counts as heard until all is listed anew.
        """
        if known and known.isdecimal() and version.isdecimal() and int(version) < int(known):
            self.version, self.heard_at = None, -math.inf
            self.watching.cancel()
            raise VersionExpired(f"the server went back from version {known} to {version}")

    def note_denial(self, *, denied: bool) -> None:
        """Remember since when it is denied; anything else that is heard of it ends that."""
        self.denied_since = (self.denied_since or trio.current_time()) if denied else None
        if denied:
            self.denied.set()
            self.denied = trio.Event()

    def note_problem(self, error: ClusterError) -> bool:
        """Remember why it cannot be followed just now; whether that is news."""
        is_news = str(error) != self.problem
        self.problem = str(error)
        return is_news


@dataclass(frozen=True, slots=True, eq=False)
class Scope(Generic[T]):
    """What is followed: a resource in one namespace, or (None) everywhere. `state` is how that stands."""

    reader: Reader[T]
    namespace: str | None
    state: State = field(default_factory=State)

    @property
    def resource(self) -> Resource:
        """What of."""
        return self.reader.resource

    def __str__(self) -> str:
        within = f" in {self.namespace or 'all namespaces'}" if self.resource.namespaced else ""
        return f"{self.resource.plural}{within}"
