"""What the roles ask of the broker and of the cluster: the adapters fit these, and so do the tests' fakes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from krt.core.announce.event_id import EventId
from krt.core.announce.image import Repository
from krt.core.caller.use import Use
from krt.core.envelope import Envelope
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.report.presence import Seen
from krt.core.report.report import Group, Report, Standing
from krt.core.report.target import Target
from krt.core.restart.mark import JournalPosition


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`again`: the call repeats one that was accepted. `receivers` is None where the bell could not be rung."""

    id: EventId
    again: bool
    receivers: int | None


class ReadReport(Protocol):
    """Read an event's report and the clusters it is waited for. Raises BrokerUnavailable."""

    async def __call__(self, event: EventId) -> tuple[Report, Seen] | None:
        """None where there is no such event (any more)."""
        ...


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest events' reports, newest first; some others that were asked for; and who is there to work on them."""

    newest: tuple[Report, ...]
    others: Mapping[EventId, Report]
    seen: Seen


class ReadRecent(Protocol):
    """Read the reports of the newest events, a bounded number, and change nothing by it. Raises BrokerUnavailable."""

    async def __call__(self, others: Collection[EventId] = ()) -> Recent:
        """Those of some `others` too; what is not there is left out."""
        ...


class Accept(Protocol):
    """Journal an event and spend the token. Raises TokenAlreadyUsed, JournalFull, BrokerUnavailable."""

    async def __call__(self, envelope: Envelope, use: Use) -> Acceptance:
        """After BrokerUnavailable the event may have been accepted: the same call again answers with its id."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a restart writes: the template's time, and on the workload itself what it covers and who asked."""

    restarted_at: str
    mark: str
    cause: str


OnRestart = Callable[[Workload, str], None]  # hears of a restart, as the object is then, and what for; returns at once


class Workloads(Protocol):
    """The API server, for one workload.

    Raises ClusterUnavailable, ClusterDenied, ClusterRefused and VersionExpired besides.
    """

    async def read(self, key: ObjectKey) -> Workload:
        """The workload as it is now. Raises NotThere."""
        ...

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Restart it if it is still at the version that was read. Raises Conflict and NotThere."""
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """An entry of the journal as it was read: not yet understood, and delivered for the how manieth time."""

    id: EventId
    fields: Mapping[str, str]
    deliveries: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was taken over from dead workers; `deleted` entries are in the journal no more. Go on from `cursor`."""

    entries: tuple[Delivered, ...]
    deleted: tuple[EventId, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the journal stands: all entries, those that the group has not settled (None: unknown), the oldest in hand."""

    entries: int
    unsettled: int | None
    oldest: EventId | None


class Journal(Protocol):
    """The journal, for one worker. Every call raises BrokerUnavailable."""

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        """Entries that no worker of the group was given yet; they are this one's now."""
        ...

    async def read_own(self, after: EventId | None, most: int) -> tuple[Delivered, ...]:
        """Entries that are this worker's already: a reply that was lost with its connection leaves them so."""
        ...

    async def claim(self, cursor: str, most: int) -> Claimed:
        """Entries that another worker has left alone; they are this one's now."""
        ...

    async def renew(self, most: int) -> frozenset[EventId]:
        """Say that this worker lives, and hear which entries are still its own."""
        ...

    async def release(self, most: int) -> None:
        """Let others claim at once what this worker holds."""
        ...

    async def leave(self, entry: EventId) -> None:
        """Let go of an entry as if it had never been delivered: it is for a worker that can read it."""
        ...

    async def acknowledge(self, entry: EventId) -> None:
        """Nobody of the group gets the entry again, and nothing is said of it."""
        ...

    async def tidy(self) -> None:
        """Trim what is older than a day by Valkey's clock, and forget workers that have been gone as long."""
        ...

    async def position(self) -> JournalPosition:
        """The journal's name and the newest id it has given out."""
        ...

    async def backlog(self) -> Backlog:
        """How much there is, and how much of it is not settled."""
        ...

    async def now(self) -> float:
        """Valkey's clock, in seconds since the epoch."""
        ...

    async def group_made(self) -> float:
        """When this worker's group was made, by Valkey's clock."""
        ...

    async def hold_lease(self) -> bool:
        """Whether this worker is the one that adopts; renewed by asking."""
        ...

    async def adopt(self, envelope: Envelope) -> EventId | None:
        """Take in an event that only the channel carried; None if another holds the lease. Raises JournalFull.

        The same request_id again is the same event: its first answer may have been lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class FollowedWorkload:
    """A workload whose rollout is followed for events, oldest first; none of them has heard the last word."""

    key: ObjectKey
    uid: str
    events: tuple[EventId, ...]


class Rollouts(Protocol):
    """What workers keep of rollouts, beside the journal. Every call raises BrokerUnavailable."""

    async def record(
        self, event: EventId, group: Group, targets: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write what is about to be done for an event, and follow these workloads (by uid) for it."""
        ...

    async def is_open(self, event: EventId) -> bool:
        """Whether a worker of this group has recorded the event, and none has settled it."""
        ...

    async def is_over(self, event: EventId) -> bool:
        """Whether the event, which is older than this group, is old news to the group: it has ended without it."""
        ...

    async def settle(
        self, event: EventId, group: Group, done: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the outcome and acknowledge: nobody of the group gets the entry again.

        `done` and `follow` rest on no earlier call: a failover may have lost what `record` wrote.
        """
        ...

    async def tell(self, followed: FollowedWorkload, target: Target) -> int:
        """Say how a rollout goes on, for these of its events; with the last word, follow it for them no more.

        Answers how many reports that changed.
        """
        ...

    async def followed(self) -> tuple[FollowedWorkload, ...]:
        """What the workers of this group follow."""
        ...

    async def standings(self, followed: FollowedWorkload) -> Mapping[EventId, Standing]:
        """How each of its events stands with the workload; nothing where it is followed for others, too, by now."""
        ...

    async def hold_lease(self) -> bool:
        """Whether this worker is the one that tells; renewed by asking."""
        ...

    async def say_alive(self) -> None:
        """Events wait for the clusters whose workers say this."""
        ...

    async def leave(self) -> bool:
        """This worker ends in an orderly way. Whether it was the last one of its group: then the group has left."""
        ...


@dataclass(frozen=True, slots=True)
class Subscribed:
    """From here on every message is heard; before, some may not have been."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """What somebody published."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Nothing is heard, and why. Said once for each reason until Subscribed; it is tried again by itself."""

    problem: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Somebody published so many bytes, which no event has: they were dropped."""

    size: int


Signal = Subscribed | ChannelMessage | TooLarge | Unsubscribed


Changed = Callable[[Workload | None, Workload | None], None]  # before and after; None: not there


class Index(Protocol):
    """What is known of the cluster's workloads, and since when."""

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen."""
        ...

    def is_listed(self, key: ObjectKey) -> bool:
        """Whether the place that the key names was listed once: what is not known there was not there then."""
        ...

    def fresh_at(self) -> float:
        """Everything that had happened by then, on Trio's clock, is known (bookmarks, relists, changes heard)."""
        ...

    def want_fresh(self, at: float) -> None:
        """Have `fresh_at` reach this moment within seconds of it, also where nothing changes."""
        ...

    def listen(self, changed: Changed) -> None:
        """Call this with every change from now on."""
        ...

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run some image of the repository."""
        ...
