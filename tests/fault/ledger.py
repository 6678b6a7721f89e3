"""Reads Valkey at the end of a run: the journal, the pending entries, and the reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.core.announce.event_id import EventId, parse
from krt.core.report.report import GroupState, Report
from krt.core.report.report_fields import parse as parse_report
from krt.core.report.target import TargetState
from tests.fault.model import Event
from tests.fault.places import Place

KEYS = Keys("krt")
PAGE = 100

Flat = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its pending entries, and how far it has read."""

    name: str
    pending: int
    last_delivered: EventId


@dataclass(frozen=True, slots=True)
class Ledger:
    name: str
    newest: EventId
    events: tuple[Event, ...]
    groups: tuple[Group, ...]

    @property
    def unfinished(self) -> list[str]:
        """The work that the workers have not done, one sentence each."""
        found = [] if len(self.groups) == 1 else [f"not one consumer group: {self.groups}"]
        for group in self.groups:
            if group.pending:
                found.append(f"{group.pending} entries pending in {group.name}")
            if group.last_delivered < self.newest:
                found.append(f"{group.name} has read until {group.last_delivered}, not until {self.newest}")
        return found


async def read_ledger(client: Client) -> Ledger:
    name = cast("bytes", await client.call("GET", KEYS.journal_name))
    stream = _fields(cast("Flat", await client.call("XINFO", "STREAM", KEYS.journal)))
    groups = cast("list[Flat]", await client.call("XINFO", "GROUPS", KEYS.journal))
    events = await _events(client)
    return Ledger(name.decode(), _id(stream["last-generated-id"]), tuple(events), tuple(map(_group, groups)))


async def pending_entries(client: Client, group: str) -> list[object]:
    """The pending entries with their consumers and times, to explain a failure."""
    return cast("list[object]", await client.call("XPENDING", KEYS.journal, group, "-", "+", 50))


async def unsettled(client: Client, group: str, events: Iterable[Event], places: Sequence[Place]) -> dict[EventId, str]:
    """Why the reports of events are not final as they should be. Only this function reads reports."""
    found = {}
    for event in events:
        flat = cast("Flat", await client.call("HGETALL", KEYS.report(str(event.id))))
        fields = {name: value.decode() for name, value in _fields(flat).items()}
        if problem := _problem(parse_report(event.id, fields), group, event, places):
            found[event.id] = problem
    return found


def _problem(report: Report, group: str, event: Event, places: Sequence[Place]) -> str:
    named = {place.name: place for place in places if place.is_named(event.image, event.tags)}
    said = report.groups.get(group)
    if said is None or not said.final:
        return f"not settled: {said}"
    if said.state is not (GroupState.SETTLED if named else GroupState.NO_MATCH):
        return f"settled as {said}"
    targets = {key.name: target for (_, key), target in report.targets.items()}
    for name, place in named.items():
        target = targets.get(name)
        if target is None:
            return f"no word of {name}"
        # Without a kubelet no pod gets ready, so only Deployments without replicas finish.
        good = TargetState.READY if place.replicas == 0 else TargetState.PROGRESSING
        if target.state is not good:
            return f"{name} is {target}"
    return ""


async def _events(client: Client) -> list[Event]:
    events: list[Event] = []
    after = "-"
    while page := await _page(client, after):
        events += [_event(_id(entry), _fields(flat)) for entry, flat in page]
        after = f"({page[-1][0].decode()}"
    return events


async def _page(client: Client, after: str) -> list[tuple[bytes, Flat]]:
    reply = await client.call("XRANGE", KEYS.journal, after, "+", "COUNT", PAGE)
    return cast("list[tuple[bytes, Flat]]", reply)


def _event(entry: EventId, fields: dict[str, bytes]) -> Event:
    tags = tuple(fields["tags"].decode().strip('[]"').replace('"', "").split(", "))
    return Event(entry, fields["run_id"].decode(), fields["image"].decode(), tags)


def _group(flat: Flat) -> Group:
    fields = _fields(flat)
    return Group(fields["name"].decode(), cast("int", fields["pending"]), _id(fields["last-delivered-id"]))


def _fields(flat: Flat) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _id(text: bytes) -> EventId:
    return parse(text.decode())
