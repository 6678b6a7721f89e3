"""The journal as a worker uses it: a Valkey stream with a consumer group for each cluster and scope.

A scope is the workers' settings of namespaces, kinds and opt-in. Each worker process is one consumer of its group.
docs/correctness.md has the rules (J1 to J5, C1 to C7).
"""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any, cast

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.mend import mended
from krt.broker.script import Script
from krt.broker.scripts import (
    ADOPT,
    BACKLOG,
    CLAIM,
    CREATE_GROUP,
    GROUP_MADE,
    HOLD,
    LEASE,
    POSITION,
    READ_GROUP,
    REWIND,
    TIDY,
)
from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope, to_fields
from krt.core.ports.journal import Backlog, Claimed, Delivered
from krt.core.restart.mark import JournalPosition
from krt.errors import BrokerRefused, BrokerUnavailable, JournalFull
from krt.logs import Log

log = Log("broker")

IDLE_SECONDS = 15.0  # any other worker may claim an entry that was not renewed for this long
KEPT_SECONDS = 24 * 3600.0
_LEASE_MILLISECONDS = 3000
_AHEAD_MILLISECONDS = 60_000  # a group's creation may lie this far in the future: Valkey's clock may be set back
_ADOPTED_MILLISECONDS = 120_000  # twice as long as a worker keeps a message that it cannot append to the journal
_RELEASED_MILLISECONDS = 24 * 3600 * 1000  # idle time of a released or left entry: any worker may claim it at once
MOST_ENTRY_BYTES = 64 * 1024  # several times the largest entry that krt writes: an event's body has at most 8 KiB
_ENOUGH_BYTES = 256 * 1024  # of a reply, after which no more entries are read; a connection takes 1 MiB

_GROUP_TO_MEND = {"NOGROUP": CREATE_GROUP, "AHEAD": REWIND}

_Pairs = Sequence[tuple[bytes, Sequence[bytes] | None]]


class ValkeyJournal:
    """Implements `krt.core.ports.journal.Journal` for one worker, in Valkey. Every call may raise BrokerUnavailable."""

    def __init__(self, client: Client, keys: Keys, *, group: str, most_entries: int) -> None:
        self._client = client
        self._keys = keys
        self._group = group
        self._most_entries = most_entries
        self._consumer = token_hex(8)  # unique: two processes with one name would be given each other's entries

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        """At most `most` entries that no worker of the group was given yet. This worker holds them from now on."""
        return tuple(Delivered(entry, fields, 1) for entry, fields in await self._read(">", most))

    async def read_own(self, after: EventId | None, most: int) -> tuple[Delivered, ...]:
        """At most `most` entries that this worker holds, after the id `after`, or from the first if `after` is None.

        Among them are entries whose reply from Valkey never arrived.
        """
        found = await self._read(str(after or 0), most)
        counts = await self._deliveries(found[0][0], found[-1][0], most) if found else {}
        return tuple(Delivered(entry, fields, counts.get(entry, 2)) for entry, fields in found)

    async def claim(self, cursor: str, most: int) -> Claimed:
        """Take over entries that no worker has renewed for IDLE_SECONDS: at most `most`, from `cursor` on."""
        bounds = [most, MOST_ENTRY_BYTES, _ENOUGH_BYTES]
        arguments = [self._group, self._consumer, int(IDLE_SECONDS * 1000), cursor, *bounds]
        reply = await self._script(CLAIM, [self._keys.journal], arguments)
        following, entries, deliveries, deleted = reply
        found = zip(_entries(entries), deliveries, strict=True)
        return Claimed(
            entries=tuple(Delivered(entry, fields, count) for (entry, fields), count in found),
            deleted=tuple(_id(entry) for entry in deleted),
            cursor=following.decode(),
        )

    async def renew(self, most: int) -> frozenset[EventId]:
        """Renew this worker's claims on at most `most` entries. Returns the ids of the renewed entries."""
        return frozenset(_id(entry) for entry in await self._hold(most, idle_milliseconds=0))

    async def release(self, most: int) -> None:
        """Make the entries that this worker holds, at most `most` of them, free for other workers to claim at once."""
        await self._hold(most, idle_milliseconds=_RELEASED_MILLISECONDS)

    async def leave(self, entry: EventId) -> None:
        """Give an entry back, with a delivery count of 0, for a worker of a newer krt that can read it."""
        whose = (self._keys.journal, self._group, "left", 0, str(entry))
        await self._client.call("XCLAIM", *whose, "IDLE", _RELEASED_MILLISECONDS, "RETRYCOUNT", 0, "JUSTID")

    async def acknowledge(self, entry: EventId) -> None:
        """Settle an entry and write nothing into its report: no worker of the group gets the entry again."""
        await self._client.call("XACK", self._keys.journal, self._group, str(entry))

    async def tidy(self) -> None:
        """Remove entries older than a day, and consumers that hold nothing and were idle for a day (Valkey's clock)."""
        day = int(KEPT_SECONDS * 1000)
        await self._client.eval_script(TIDY, [self._keys.journal], [self._group, day, day])

    async def position(self) -> JournalPosition:
        """The journal's name, and the stream's last generated id. A journal without a valid name gets a new one."""
        reply = await self._mended(POSITION, [self._keys.journal, self._keys.journal_name], [token_hex(8)])
        name, newest, is_new = cast("tuple[bytes, bytes, int]", reply)
        if is_new:
            log.error("journal_named_anew")
        return JournalPosition(name.decode(), _id(newest))

    async def backlog(self) -> Backlog:
        """The number of entries, the number that this group has not settled, and the oldest that a worker holds."""
        entries, pending, oldest, undelivered = await self._script(BACKLOG, [self._keys.journal], [self._group])
        unsettled = pending + undelivered if undelivered >= 0 else None
        return Backlog(entries, unsettled, _id(oldest) if oldest else None)

    async def now(self) -> float:
        """The time by Valkey's clock, in seconds since the epoch."""
        seconds, microseconds = cast("list[bytes]", await self._client.call("TIME"))
        return int(seconds) + int(microseconds) / 1e6

    async def group_made(self) -> float:
        """The time at which this worker's group was created, in seconds since the epoch by Valkey's clock.

        0.0 if the time is not known, or cannot be true: somebody wrote it by hand, or Valkey's clock was set back by
        more than a minute. Then no event counts as older than the group.
        """
        keys = [self._keys.group_made(self._group)]
        return int(cast("bytes", await self._mended(GROUP_MADE, keys, [_AHEAD_MILLISECONDS]))) / 1000

    async def hold_lease(self) -> bool:
        """Take or renew the lease for adopting messages. Returns whether this worker holds it."""
        return bool(await self._script(LEASE, [self._keys.adopter], [self._consumer, _LEASE_MILLISECONDS]) == 1)

    async def adopt(self, envelope: Envelope) -> EventId | None:
        """Append an event that only the channel carried, and return its id. Raises JournalFull.

        Returns None if this worker does not hold the lease. A second call with the same `request_id` returns the same
        id, because the first answer may have been lost.
        """
        keys = [
            self._keys.journal,
            self._keys.journal_name,
            self._keys.adopter,
            self._keys.adopted(envelope.request_id),
        ]
        kept = [self._keys.report(""), int(KEPT_SECONDS * 1000), _ADOPTED_MILLISECONDS]
        arguments = [self._consumer, self._most_entries, token_hex(8), *kept, *_flat(to_fields(envelope))]
        match await self._script(ADOPT, keys, arguments):
            case [b"adopted", bytes(entry)]:
                return _id(entry)
            case [b"lost"]:
                return None
            case [b"full"]:
                raise JournalFull("the journal holds as many events as it may (KRT_MAX_JOURNAL)")
            case _:
                raise BrokerUnavailable("Valkey answered the adopt script with something that the script never returns")

    async def _read(self, after: str, most: int) -> list[tuple[EventId, dict[str, str] | None]]:
        """Ids and fields of the entries after the id `after`; ">" asks for entries that no worker was given yet.

        An entry of more than MOST_ENTRY_BYTES comes without its fields.
        """
        arguments = [self._group, self._consumer, most, MOST_ENTRY_BYTES, _ENOUGH_BYTES, after]
        return _entries(await self._script(READ_GROUP, [self._keys.journal], arguments))

    async def _deliveries(self, first: EventId, last: EventId, most: int) -> dict[EventId, int]:
        where = (self._keys.journal, self._group, str(first), str(last), most, self._consumer)
        pending = cast("list[tuple[bytes, bytes, int, int]]", await self._client.call("XPENDING", *where))
        return {_id(entry): count for entry, _, _, count in pending}

    async def _hold(self, most: int, *, idle_milliseconds: int) -> Sequence[bytes]:
        arguments = [self._group, self._consumer, most, idle_milliseconds]
        return cast("Sequence[bytes]", await self._script(HOLD, [self._keys.journal], arguments))

    async def _script(self, script: Script, keys: list[str], arguments: Sequence[Any]) -> Any:
        return await self._with_group(lambda: self._mended(script, keys, arguments))

    async def _mended(self, script: Script, keys: list[str], arguments: Sequence[Any]) -> Any:
        """Run a script. Deletes a key of a wrong type, but never the journal, which may hold accepted events."""
        texts = (self._keys.journal_name, self._keys.adopter, self._keys.group_made(self._group))
        own = dict.fromkeys(texts, "string")
        return await mended(self._client, own, lambda: self._client.eval_script(script, keys, arguments))

    async def _with_group(self, ask: Any) -> Any:
        try:
            return await ask()
        except BrokerRefused as error:
            if error.code not in _GROUP_TO_MEND:
                raise
            mend = _GROUP_TO_MEND[error.code]
        keys = [self._keys.journal, self._keys.group_made(self._group)]
        if await self._client.eval_script(mend, keys, [self._group]) and mend is REWIND:
            log.error("group_begun_anew", group=self._group)
        return await ask()


def _entries(pairs: _Pairs) -> list[tuple[EventId, dict[str, str] | None]]:
    return [(_id(entry), None if fields is None else _texts(fields)) for entry, fields in pairs]


def _texts(fields: Sequence[bytes]) -> dict[str, str]:
    texts = [field.decode(errors="replace") for field in fields]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _id(text: bytes) -> EventId:
    return event_ids.parse(text.decode())


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [part for field in fields.items() for part in field]
