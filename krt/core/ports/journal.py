"""The journal, for one worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope
from krt.core.restart.mark import JournalPosition


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
