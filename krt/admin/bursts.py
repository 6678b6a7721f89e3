"""Finds bursts among the newest events: many of one run, or of one image, which the live page shows as one card."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from krt.core.announce.event_id import EventId
from krt.core.report.report import EventState
from krt.core.report.report_document import Document

FEWEST = 3  # two cards are read as quickly as one that has to be opened
BURST_SECONDS = 600.0  # at most between one event of a burst and the next: minutes, as between the pushes of a job

_QUIET = frozenset({EventState.NO_MATCH, EventState.DONE})  # nothing was restarted

_Documents = Mapping[EventId, Document]


@dataclass(frozen=True, slots=True)
class Burst:
    """The events of one card, newest first. The `lead` is shown whole; `of` is "run" or "image", common to all."""

    lead: EventId
    events: tuple[EventId, ...]
    of: str = ""  # empty for an event that stands alone

    @property
    def others(self) -> tuple[EventId, ...]:
        """All but the lead."""
        return tuple(event for event in self.events if event != self.lead)


def bursts(documents: _Documents) -> tuple[Burst, ...]:
    """One burst for each card, the card with the newest event first. `documents` are newest first.

    A run comes before an image: a job that pushes ten images is one card, even if other jobs push the same images.
    """
    of_run = [Burst(_lead_of_run(found, documents), found, "run") for found in _close(documents, documents, _run)]
    taken = {event for burst in of_run for event in burst.events}
    left = [event for event in documents if event not in taken]
    of_image = [Burst(_lead_of_image(found, documents), found, "image") for found in _close(left, documents, _image)]
    taken |= {event for burst in of_image for event in burst.events}
    alone = [Burst(event, (event,)) for event in documents if event not in taken]
    return tuple(sorted([*of_run, *of_image, *alone], key=lambda burst: burst.events[0], reverse=True))


def _close(
    events: Iterable[EventId], documents: _Documents, common: Callable[[Document], str]
) -> list[tuple[EventId, ...]]:
    """The groups of FEWEST events or more with the same `common`, each within BURST_SECONDS of the next."""
    groups: list[list[EventId]] = []
    newest_of: dict[str, list[EventId]] = {}
    for event in events:
        name = common(documents[event])
        group = newest_of.get(name)
        if name and group and group[-1].milliseconds - event.milliseconds <= BURST_SECONDS * 1000:
            group.append(event)
        else:
            newest_of[name] = [event]
            groups.append(newest_of[name])
    return [tuple(group) for group in groups if len(group) >= FEWEST]


def _run(document: Document) -> str:
    return (document.by and document.by.run) or ""


def _image(document: Document) -> str:
    return document.image


def _lead_of_run(events: tuple[EventId, ...], documents: _Documents) -> EventId:
    """The newest event that failed, else as for an image: the images of a run are for different workloads."""
    failed = (event for event in events if documents[event].state in {EventState.FAILED, EventState.EXPIRED})
    return next(failed, None) or _lead_of_image(events, documents)


def _lead_of_image(events: tuple[EventId, ...], documents: _Documents) -> EventId:
    """The newest event that restarts something, else the newest. A newer ready restart ends an older failure."""
    return next((event for event in events if documents[event].state not in _QUIET), events[0])
