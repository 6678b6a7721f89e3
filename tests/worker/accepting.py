"""Accepting events into a real Valkey, as web does."""

from krt.broker.accept import Acceptor
from krt.broker.client import Client
from krt.broker.journal import ValkeyJournal
from krt.broker.keys import Keys
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event import Event
from krt.core.announce.event_id import EventId
from krt.core.caller.use import Use, use_of
from krt.core.ports.announcements import Acceptance
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.values import an_envelope, an_event, an_identity

KEYS = Keys("krt")
CHANNEL = "kuberollouttrigger"
GROUP = "default:1"


def an_acceptor(client: Client, *, most_entries: int = 100_000) -> Acceptor:
    return Acceptor(client, KEYS, channel=CHANNEL, most_entries=most_entries)


def a_journal(client: Client, *, group: str = GROUP, most_entries: int = 100_000) -> ValkeyJournal:
    """The view of a worker of its own."""
    return ValkeyJournal(client, KEYS, group=group, most_entries=most_entries)


def some_rollouts(client: Client, *, group: str = GROUP) -> ValkeyRollouts:
    """The view of a worker of its own."""
    return ValkeyRollouts(client, KEYS, group=group)


def a_use(
    token: str = "t-1", event: Event | None = None, *, path: str = "/event", key: str | None = None, **claims: str
) -> Use:
    """The use of the token whose jti is `token`."""
    return use_of(an_identity(jti=token, **claims), path, event or an_event(), key)


async def accept(client: Client, token: str = "t-1", event: Event | None = None) -> EventId:
    """An event in the journal."""
    return (await accepted(client, token, event)).id


async def accepted(client: Client, token: str = "t-1", event: Event | None = None) -> Acceptance:
    """What web is told."""
    return await an_acceptor(client).accept(an_envelope(event), a_use(token, event))


async def add(client: Client, milliseconds_ago: int, **fields: str) -> EventId:
    """An entry of an age that no script of krt's could give it; only into a journal without younger ones."""
    seconds, microseconds = await client.call("TIME")
    entry = EventId(int(seconds) * 1000 + int(microseconds) // 1000 - milliseconds_ago, 0)
    flat = [part for field in (fields or {"schema": "1"}).items() for part in field]
    await client.call("XADD", KEYS.journal, str(entry), *flat)
    return entry


async def report(client: Client, entry: EventId) -> dict[str, str]:
    """The report of an event; empty if there is none."""
    flat = [part.decode() for part in await client.call("HGETALL", KEYS.report(str(entry)))]
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def pending(client: Client, group: str = GROUP) -> int:
    """How many entries of the group are given to a worker and not acknowledged."""
    return (await client.call("XPENDING", KEYS.journal, group))[0]


async def drained(client: Client, group: str = GROUP) -> None:
    """Until nothing is pending."""

    async def is_drained() -> bool:
        return not await pending(client, group)

    await until_on_wall_clock(is_drained)
