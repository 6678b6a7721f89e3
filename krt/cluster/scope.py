"""A scope, which is a resource in one namespace or in all, and the state of following it."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio
from trio_util import AsyncValue

from krt.cluster.selection import EVERYTHING, Selection
from krt.cluster.wire import Reader
from krt.core.kube.resource import Resource
from krt.core.kube.resource_version import is_older
from krt.errors import ClusterError, VersionExpired

T = TypeVar("T")

_DENIED_SECONDS = 60.0  # a starting API server denies everything to everybody, but not longer than this


@dataclass(slots=True, eq=False)
class State:
    """How far a scope has been followed. Times are on Trio's clock."""

    version: str | None = None  # the resource version from which the next watch goes on; None if a list comes first
    listed: trio.Event = field(default_factory=trio.Event)  # set after the first complete list, and stays set
    followed: trio.Event = field(default_factory=trio.Event)  # set when the first watch is open, and stays set
    denied: trio.Event = field(default_factory=trio.Event)  # set at the next denial, and then replaced by a new event
    problem: str | None = "not listed yet"  # why the store may be behind in this scope
    denied_since: float | None = None  # None if the last call was not denied; a kind that is not served is denied, too
    heard_at: float = -math.inf  # the store holds every change up to this time: of the last list, watch line or answer
    watch_ends: Counter[str] = field(default_factory=Counter)  # by reason
    wanted_at: AsyncValue[float] = field(default_factory=lambda: AsyncValue(-math.inf))  # `heard_at` should reach this
    watching: trio.CancelScope = field(default_factory=trio.CancelScope)  # of the open watch

    @property
    def is_closed(self) -> bool:
        """Whether the scope has been denied longer than a starting API server denies it."""
        return self.denied_since is not None and trio.current_time() - self.denied_since >= _DENIED_SECONDS

    def check_order(self, known: str | None, version: str) -> None:
        """Raise VersionExpired if `version`, which the server gives out now, is older than `known`, given out before.

        In that case etcd was restored from a copy, and the store may hold changes that the restored etcd has lost. The
        open watch is cancelled, and the scope does not count as fresh until everything is listed anew.
        """
        if is_older(version, known or ""):
            self.version, self.heard_at = None, -math.inf
            self.watching.cancel()
            raise VersionExpired(f"the server went back from version {known} to {version}")

    def note_denial(self, *, denied: bool) -> None:
        """Note whether the last call was denied, or its kind not served. `denied_since` keeps the first of a series."""
        self.denied_since = (self.denied_since or trio.current_time()) if denied else None
        if denied:
            self.denied.set()
            self.denied = trio.Event()

    def note_problem(self, error: ClusterError) -> bool:
        """Note why the scope cannot be followed at present. Returns whether that is another problem than before."""
        is_news = str(error) != self.problem
        self.problem = str(error)
        return is_news


@dataclass(frozen=True, slots=True, eq=False)
class Scope(Generic[T]):
    """A resource in one namespace, or in the whole cluster if `namespace` is None.

    A scope with a selection needs a store of its own: a complete list removes all objects that it does not contain.
    """

    reader: Reader[T]
    namespace: str | None
    state: State = field(default_factory=State)
    selection: Selection = EVERYTHING

    @property
    def resource(self) -> Resource:
        """The resource of the scope's objects."""
        return self.reader.resource

    def __str__(self) -> str:
        within = f" in {self.namespace or 'all namespaces'}" if self.resource.namespaced else ""
        return f"{self.resource.plural}{self.selection}{within}"
