"""The calls of the public listener and the page about events, which the broker answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from krt.core.announce.event_id import EventId
from krt.core.caller.use import Use
from krt.core.envelope import Envelope
from krt.core.report.presence import Seen
from krt.core.report.report import Report


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
