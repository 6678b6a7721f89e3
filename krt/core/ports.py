"""The protocols through which other parts use broker and cluster. `krt/daemon` gives those parts the implementations.

Every call to the broker is one or more exchanges with Valkey, and each exchange has a deadline of its own. A time is in
seconds since the epoch by Valkey's clock, unless its docstring says otherwise.
"""

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
    """The answer to an accepted call.

    `again` is true if the call repeats one that was accepted before; `id` is then the event of the first call.
    `receivers` is the number of subscribers to which Valkey gave the event's message: None if publishing failed, 0 if
    nothing is published (`again`, or a dry-run).
    """

    id: EventId
    again: bool
    receivers: int | None


class ReadReport(Protocol):
    """Reads an event's report, and when each group of workers was last seen. Raises BrokerUnavailable.

    If the event's state is final, the state is stored, so that later answers repeat it.
    """

    async def __call__(self, event: EventId) -> tuple[Report, Seen] | None:
        """The report and the sightings; None if there is no such event, or no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Recent:
    """The reports of the newest events, newest first, and of the `others` that were asked for.

    `seen` says when each group was last seen. `has_older` is true if the journal holds older events than the `newest`.
    """

    newest: tuple[Report, ...]
    others: Mapping[EventId, Report]
    seen: Seen
    has_older: bool = False


class ReadRecent(Protocol):
    """Reads the reports of a bounded number of the newest events. Writes nothing. Raises BrokerUnavailable."""

    async def __call__(self, others: Collection[EventId] = ()) -> Recent:
        """The newest reports, and those of `others`.

        An event that does not exist is left out, and so are `others` beyond a bound.
        """
        ...


class Accept(Protocol):
    """Appends an event to the journal, marks the token as used, and publishes the event's message, all in one step.

    A dry-run is not published.

    Raises TokenAlreadyUsed, IdempotencyKeyAlreadyUsed, JournalFull, BrokerUnavailable.
    """

    async def __call__(self, envelope: Envelope, use: Use) -> Acceptance:
        """After BrokerUnavailable the event may be in the journal: a repeated call then returns its id."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """The values of the three annotations that a restart writes.

    `mark` goes on the workload as `krt/event`, `cause` as `krt/cause`. `restarted_at` (RFC 3339) goes on the pod
    template as `kubectl.kubernetes.io/restartedAt`. A BundleDeployment has no pod template. Its third annotation is
    `krt/announced`, with `covers`, the newest event that the mark covers.
    """

    restarted_at: str
    mark: str
    cause: str
    covers: EventId


OnRestart = Callable[[Workload, str], None]  # called with each patched workload and the cause; must not block


class Workloads(Protocol):
    """The calls to the API server that concern one workload.

    Each may raise ClusterUnavailable, ClusterDenied, ClusterRefused, VersionExpired, and the errors that its docstring
    names.
    """

    async def read(self, key: ObjectKey) -> Workload:
        """The workload as it is at the API server now. Raises NotThere."""
        ...

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Patch the workload with `stamp` and return the patched one. Raises NotThere.

        Raises Conflict if the object at the API server no longer has the resource version of `workload`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """A journal entry as read, not yet parsed.

    `deliveries` counts how often Valkey gave it to a worker, this time included.
    `fields` is None if the entry was trimmed while a worker held it, and empty if the entry is too large to read.
    """

    id: EventId
    fields: Mapping[str, str] | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """The entries that were taken over because no worker had renewed them in time. Pass `cursor` to the next call.

    `deleted` has the ids of entries that a worker held and that the journal no longer contains.
    """

    entries: tuple[Delivered, ...]
    deleted: tuple[EventId, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """How full the journal is: the number of its entries, and the number of those that this group has not settled.

    `unsettled` is None if Valkey cannot tell the number. `oldest` is the oldest entry that a worker of the group holds;
    None if none holds one.
    """

    entries: int
    unsettled: int | None
    oldest: EventId | None


class Journal(Protocol):
    """The journal for one worker, which is a consumer of its group. Every call may raise BrokerUnavailable."""

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        """At most `most` entries that no worker of the group was given yet. This worker holds them from now on."""
        ...

    async def read_own(self, after: EventId | None, most: int) -> tuple[Delivered, ...]:
        """At most `most` entries that this worker holds, after the id `after`, or from the first if `after` is None.

        Among them are entries whose reply from Valkey never arrived.
        """
        ...

    async def claim(self, cursor: str, most: int) -> Claimed:
        """Take over entries that no worker has renewed in time: at most `most`, from `cursor` on."""
        ...

    async def renew(self, most: int) -> frozenset[EventId]:
        """Renew this worker's claims on at most `most` entries, so that no other worker takes them over.

        Returns the ids of the renewed entries.
        """
        ...

    async def release(self, most: int) -> None:
        """Make the entries that this worker holds, at most `most` of them, free for other workers to claim at once."""
        ...

    async def leave(self, entry: EventId) -> None:
        """Give an entry back, with a delivery count of 0, for a worker of a newer krt that can read it."""
        ...

    async def acknowledge(self, entry: EventId) -> None:
        """Settle an entry and write nothing into its report: no worker of the group gets the entry again."""
        ...

    async def tidy(self) -> None:
        """Remove entries older than a day, and consumers that hold nothing and were idle for a day (Valkey's clock)."""
        ...

    async def position(self) -> JournalPosition:
        """The journal's name, and the stream's last generated id."""
        ...

    async def backlog(self) -> Backlog:
        """The number of entries, the number that this group has not settled, and the oldest that a worker holds."""
        ...

    async def now(self) -> float:
        """The time by Valkey's clock."""
        ...

    async def group_made(self) -> float:
        """The time at which this worker's group was created; 0 if it is not known."""
        ...

    async def hold_lease(self) -> bool:
        """Take or renew the lease for adopting messages. Returns whether this worker holds it."""
        ...

    async def adopt(self, envelope: Envelope) -> EventId | None:
        """Append an event that only the channel carried, and return its id. Raises JournalFull.

        Returns None if this worker does not hold the lease. A second call with the same `request_id` returns the same
        id, because the first answer may have been lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class FollowedWorkload:
    """A workload whose rollout is followed, and the events whose reports still wait for its end, oldest first."""

    key: ObjectKey
    uid: str
    events: tuple[EventId, ...]


class Rollouts(Protocol):
    """Reports, followed workloads and the group's presence, for one worker. Every call may raise BrokerUnavailable."""

    async def record(
        self, event: EventId, group: Group, targets: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the group's state and its targets into the report, and follow workloads for the event.

        `follow` has the workloads to follow, each with its uid.
        """
        ...

    async def is_open(self, event: EventId) -> bool:
        """Whether a worker of this group has recorded the event, and none has settled it."""
        ...

    async def is_over(self, event: EventId) -> bool:
        """For an event that is older than this group: whether the group need not act.

        It need not if it has settled the event, or if it has not begun the event and the event has ended.
        """
        ...

    async def settle(
        self, event: EventId, group: Group, done: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the outcome into the report and acknowledge the entry, so that no worker of the group gets it again.

        `done` and `follow` are complete, because a failover of Valkey may have lost the writes of `record`.
        """
        ...

    async def tell(self, followed: FollowedWorkload, target: Target) -> int:
        """Write the workload's state into the reports of its events. Returns the number of reports that changed.

        If the state is final, the workload is not followed for these events any more.
        """
        ...

    async def followed(self) -> tuple[FollowedWorkload, ...]:
        """The workloads that this group follows."""
        ...

    async def standings(self, followed: FollowedWorkload) -> Mapping[EventId, Standing]:
        """For each of the workload's events, the standing of the workload in the event's report.

        Empty if the workload is by now also followed for an event that `followed` does not list.
        """
        ...

    async def hold_lease(self) -> bool:
        """Take or renew the lease for reporting rollouts. Returns whether this worker holds it."""
        ...

    async def say_alive(self) -> None:
        """Write that the group is alive now, so that events wait for the group."""
        ...

    async def leave(self) -> bool:
        """Write that this worker stops in an orderly way. Returns whether it was the last of its group.

        A group whose last worker stopped so has left: later events do not wait for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscription holds: every message published from now on arrives. Earlier ones may have been missed."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """A message that somebody published on the channel."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """There is no subscription, so no message arrives; `problem` says why.

    Until the next Subscribed it is sent again only if the problem has changed. The implementation keeps trying to
    subscribe.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Somebody published a message of `size` bytes, more than any event has. It was dropped."""

    size: int


Signal = Subscribed | ChannelMessage | TooLarge | Unsubscribed


Changed = Callable[[Workload | None, Workload | None], None]  # the workload before and after; None if there was none


class Index(Protocol):
    """The cluster's workloads as list and watch have shown them."""

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen; None if there is none."""
        ...

    def is_listed(self, key: ObjectKey) -> bool:
        """Whether all workloads of the key's kind and namespace have been listed. Before that, `get` may miss some."""
        ...

    def fresh_at(self) -> float:
        """The latest time, on Trio's clock, up to which the index shows every change.

        Lists, changes and bookmarks move it forward, and so do the calls that `want_fresh` causes. Kinds and
        namespaces do not count if they have been denied, or were not served, for a minute or longer, unless all are.
        """
        ...

    def want_fresh(self, at: float) -> None:
        """Bring `fresh_at` to `at` (Trio's clock), even if nothing changes: from `at` on, ask the API server for it."""
        ...

    def listen(self, changed: Changed) -> None:
        """From now on, call `changed` whenever a workload is stored or removed, even if it is stored as it was."""
        ...

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run an image of the repository."""
        ...
