"""A journal in memory that several workers share. It does what krt.broker.journal does in Valkey, on Trio's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex

import trio

from krt.broker.journal import IDLE_SECONDS, KEPT_SECONDS
from krt.core.announce.event_id import EventId
from krt.core.announce.event_id import parse as parse_id
from krt.core.envelope import Envelope, to_fields
from krt.core.kube.object_key import ObjectKey
from krt.core.ports.journal import Backlog, Claimed, Delivered
from krt.core.report.presence import Presence, Sighting
from krt.core.restart.mark import JournalPosition
from krt.errors import BrokerRefused, JournalFull
from tests.fakes.values import JOURNAL, NOW

LEASE_SECONDS = 3.0
_LEFT = "left"


@dataclass(slots=True)
class Pending:
    consumer: str
    since: float
    deliveries: int


@dataclass(slots=True)
class Group:
    made: float
    last: EventId = EventId(0, 0)
    pending: dict[EventId, Pending] = field(default_factory=dict)
    followed: dict[tuple[ObjectKey, str], set[EventId]] = field(default_factory=dict)
    follower: tuple[str, float] = ("", -1.0)


class Stream:
    """The content of Valkey. A report lives as long as its entry. `acknowledged` is in order, once for each group."""

    def __init__(self, name: str = JOURNAL, *, most_entries: int = 100_000) -> None:
        self.name = name
        self.most_entries = most_entries
        self.entries: dict[EventId, dict[str, str]] = {}
        self.reports: dict[EventId, dict[str, str]] = {}
        self.groups: dict[str, Group] = {}
        self.acknowledged: list[EventId] = []
        self.newest = EventId(0, 0)
        self.lease = ("", -1.0)
        self.adopted: dict[str, EventId] = {}
        self.alive: dict[str, Sighting] = {}

    def now(self) -> float:
        """The journal's clock, in seconds since the epoch."""
        return NOW.timestamp() + trio.current_time()

    def accept(self, envelope: Envelope, *, age_seconds: float = 0.0) -> EventId:
        """Journal an event as if it had been accepted `age_seconds` ago."""
        return self.add(to_fields(envelope), age_seconds=age_seconds)

    def add(self, fields: Mapping[str, str], *, age_seconds: float = 0.0) -> EventId:
        """Journal an entry with these fields."""
        milliseconds = int((self.now() - age_seconds) * 1000)
        sequence = self.newest.sequence + 1 if milliseconds <= self.newest.milliseconds else 0
        self.newest = EventId(max(milliseconds, self.newest.milliseconds), sequence)
        self.entries[self.newest] = dict(fields)
        self.reports[self.newest] = dict(fields)
        return self.newest

    def group(self, name: str = "default") -> Group:
        """The group of workers, created at its first use."""
        return self.groups.setdefault(name, Group(self.now()))

    def say_alive(self, group: str) -> None:
        """Note that a worker of the group is alive now."""
        first = self.alive[group].first if group in self.alive else self.now()
        self.alive[group] = Sighting(Presence(), first, self.now())

    def pending(self, group: str = "default") -> dict[EventId, Pending]:
        """The entries that were delivered to a worker and not acknowledged."""
        return self.group(group).pending


class FakeJournal:
    """The journal as one worker uses it."""

    def __init__(self, stream: Stream, *, group: str = "default") -> None:
        self.stream = stream
        self.consumer = token_hex(8)
        self._name = group

    @property
    def _group(self) -> Group:
        return self.stream.group(self._name)

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        await trio.lowlevel.checkpoint()
        group = self._group
        found = [entry for entry in self.stream.entries if entry > group.last][:most]
        for entry in found:
            group.last = entry
            group.pending[entry] = Pending(self.consumer, trio.current_time(), 1)
        return tuple(self._delivered(entry) for entry in found)

    async def read_own(self, after: EventId | None, most: int) -> tuple[Delivered, ...]:
        await trio.lowlevel.checkpoint()
        own = [entry for entry in self._own() if after is None or entry > after][:most]
        for entry in own:
            self._give(entry)
        return tuple(self._delivered(entry) for entry in own)

    async def claim(self, cursor: str, most: int) -> Claimed:
        await trio.lowlevel.checkpoint()
        start = EventId(0, 0) if cursor == "0-0" else parse_id(cursor)
        rest = [entry for entry in sorted(self._group.pending) if entry >= start]
        looked, following = rest[: 10 * most], rest[10 * most : 10 * most + 1]
        deleted = [entry for entry in looked if entry not in self.stream.entries]
        for entry in deleted:
            del self._group.pending[entry]
        idle = [entry for entry in looked if entry not in deleted and self._idle(entry) >= IDLE_SECONDS]
        taken, left = idle[:most], idle[most:]
        for entry in taken:
            self._give(entry)
        after = str(left[0]) if left else str(following[0]) if following else "0-0"
        return Claimed(tuple(self._delivered(entry) for entry in taken), tuple(deleted), after)

    async def renew(self, most: int) -> frozenset[EventId]:
        await trio.lowlevel.checkpoint()
        own = self._own()[:most]
        for entry in own:
            self._group.pending[entry].since = trio.current_time()
        return frozenset(own)

    async def release(self, most: int) -> None:
        await trio.lowlevel.checkpoint()
        for entry in self._own()[:most]:
            self._group.pending[entry].since = -float("inf")

    async def leave(self, entry: EventId) -> None:
        await trio.lowlevel.checkpoint()
        self._group.pending[entry] = Pending(_LEFT, -float("inf"), 0)

    async def acknowledge(self, entry: EventId) -> None:
        await trio.lowlevel.checkpoint()
        if self._group.pending.pop(entry, None):
            self.stream.acknowledged.append(entry)

    async def tidy(self) -> None:
        await trio.lowlevel.checkpoint()
        oldest = (self.stream.now() - KEPT_SECONDS) * 1000
        for entry in [entry for entry in self.stream.entries if entry.milliseconds < oldest]:
            del self.stream.entries[entry], self.stream.reports[entry]

    async def position(self) -> JournalPosition:
        await trio.lowlevel.checkpoint()
        if self.stream.newest == EventId(0, 0):
            raise BrokerRefused("no such key")
        return JournalPosition(self.stream.name, self.stream.newest)

    async def backlog(self) -> Backlog:
        await trio.lowlevel.checkpoint()
        pending, undelivered = self._group.pending, [each for each in self.stream.entries if each > self._group.last]
        return Backlog(len(self.stream.entries), len(pending) + len(undelivered), min(pending, default=None))

    async def now(self) -> float:
        await trio.lowlevel.checkpoint()
        return self.stream.now()

    async def group_made(self) -> float:
        await trio.lowlevel.checkpoint()
        return self._group.made

    async def hold_lease(self) -> bool:
        await trio.lowlevel.checkpoint()
        if not self._has_lease() and self.stream.lease[1] > trio.current_time():
            return False
        self.stream.lease = (self.consumer, trio.current_time() + LEASE_SECONDS)
        return True

    async def adopt(self, envelope: Envelope) -> EventId | None:
        await trio.lowlevel.checkpoint()
        known = self.stream.adopted.get(envelope.request_id)
        if known or not self._has_lease():
            return known
        if len(self.stream.entries) >= self.stream.most_entries:
            raise JournalFull("full")
        self.stream.adopted[envelope.request_id] = self.stream.accept(envelope)
        return self.stream.newest

    def _has_lease(self) -> bool:
        holder, until = self.stream.lease
        return holder == self.consumer and until > trio.current_time()

    def _own(self) -> list[EventId]:
        return sorted(entry for entry, pending in self._group.pending.items() if pending.consumer == self.consumer)

    def _idle(self, entry: EventId) -> float:
        return trio.current_time() - self._group.pending[entry].since

    def _give(self, entry: EventId) -> None:
        deliveries = self._group.pending[entry].deliveries + 1
        self._group.pending[entry] = Pending(self.consumer, trio.current_time(), deliveries)

    def _delivered(self, entry: EventId) -> Delivered:
        return Delivered(entry, self.stream.entries.get(entry), self._group.pending[entry].deliveries)
