"""What the roles ask of the broker and of the cluster: the adapters fit these, and so do the tests' fakes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from krt.core.envelope import Envelope
from krt.core.event_id import EventId
from krt.core.image import Repository
from krt.core.restart import JournalPosition
from krt.core.use import Use
from krt.core.workload import Workload, WorkloadKey


@dataclass(frozen=True, slots=True)
class Accepted:
    """`again`: the call repeats one that was accepted. `receivers` is None where the bell could not be rung."""

    id: EventId
    again: bool
    receivers: int | None


class Accept(Protocol):
    """Journal an event and spend the token. Raises TokenAlreadyUsed, JournalFull, BrokerUnavailable."""

    async def __call__(self, envelope: Envelope, use: Use) -> Accepted:
        """After BrokerUnavailable the event may have been accepted: the same call again answers with its id."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a restart writes: the template's time, and on the workload itself what it covers and who asked."""

    restarted_at: str
    mark: str
    cause: str


class Workloads(Protocol):
    """The API server, for one workload. Raises ClusterUnavailable, ClusterDenied and ClusterRefused besides."""

    async def read(self, key: WorkloadKey) -> Workload:
        """The workload as it is now. Raises Gone."""
        ...

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Restart it if it is still at the version that was read. Raises Conflict and Gone."""
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """An entry of the journal as it was read: its id and its fields, not yet understood."""

    id: EventId
    fields: Mapping[str, str]


class Journal(Protocol):
    """The journal, for one worker. Every call raises BrokerUnavailable."""

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        """Entries that no worker of the group was given yet; they are this one's now."""
        ...

    async def acknowledge(self, entry: EventId) -> None:
        """The entry is settled: nobody of the group gets it again."""
        ...

    async def position(self) -> JournalPosition:
        """The journal's name and the newest id it has given out."""
        ...

    async def hold_lease(self) -> bool:
        """Whether this worker is the one that adopts; renewed by asking."""
        ...

    async def adopt(self, envelope: Envelope) -> EventId | None:
        """Take in an event that only the channel carried; None if another holds the lease. Raises JournalFull."""
        ...


@dataclass(frozen=True, slots=True)
class Subscribed:
    """From here on every message is heard; before, some may not have been."""


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody published."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing is heard, and why. Said once for each reason until Subscribed; it is tried again by itself."""

    problem: str


Signal = Subscribed | Message | Lost


class Index(Protocol):
    """What is known of the cluster's workloads."""

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run some image of the repository."""
        ...
