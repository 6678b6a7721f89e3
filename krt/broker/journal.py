"""The journal as a worker reads it: a stream, one consumer group a cluster, one consumer a process."""

from collections.abc import Sequence
from secrets import token_hex
from typing import cast

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.scripts import ADOPT, LEASE
from krt.core import event_id as event_ids
from krt.core.envelope import Envelope, to_fields
from krt.core.event_id import EventId
from krt.core.ports import Delivered
from krt.core.restart import JournalPosition
from krt.errors import BrokerRefused, BrokerUnavailable, JournalFull

_LEASE_MILLISECONDS = 3000


class Journal:
    """One worker's view. Every call raises BrokerUnavailable."""

    def __init__(self, client: Client, keys: Keys, *, group: str, most_entries: int) -> None:
        self._client = client
        self._keys = keys
        self._group = group
        self._most_entries = most_entries
        self._consumer = token_hex(8)  # of this process alone: a namesake would be handed this one's entries

    async def read_new(self, most: int) -> tuple[Delivered, ...]:
        """Entries that no worker of the group was given yet; they are this one's now."""
        return await self._read(">", most)

    async def read_own(self, most: int, after: EventId | None) -> tuple[Delivered, ...]:
        """Entries that are this worker's already: a reply lost with its connection leaves them so."""
        return await self._read(str(after or "0"), most)

    async def acknowledge(self, entry: EventId) -> None:
        """The entry is settled: nobody of the group gets it again."""
        await self._client.call("XACK", self._keys.journal, self._group, str(entry))

    async def position(self) -> JournalPosition:
        """The journal's name and the newest id it has given out."""
        name = await self._client.call("GET", self._keys.journal_name)
        info = cast("list[object]", await self._client.call("XINFO", "STREAM", self._keys.journal))
        newest = cast("bytes", info[info.index(b"last-generated-id") + 1])
        return JournalPosition(cast("bytes", name or b"").decode(), event_ids.parse(newest.decode()))

    async def hold_lease(self) -> bool:
        """Whether this worker is the one that adopts; renewed by asking."""
        return await self._client.eval_script(LEASE, [self._keys.adopter], [self._consumer, _LEASE_MILLISECONDS]) == 1

    async def adopt(self, envelope: Envelope) -> EventId | None:
        """Take in an event that only the channel carried; None if another holds the lease. Raises JournalFull."""
        fields = [part for field in to_fields(envelope).items() for part in field]
        keys = [self._keys.journal, self._keys.journal_name, self._keys.adopter]
        reply = await self._client.eval_script(ADOPT, keys, [self._consumer, self._most_entries, token_hex(8), *fields])
        match reply:
            case [b"adopted", bytes(entry)]:
                return event_ids.parse(entry.decode())
            case [b"lost"]:
                return None
            case [b"full"]:
                raise JournalFull("the journal holds as many events as it may (KRT_MAX_JOURNAL)")
            case _:
                raise BrokerUnavailable("the adopt script gave an answer that is none of its own")

    async def _read(self, after: str, most: int) -> tuple[Delivered, ...]:
        read = (
            "XREADGROUP",
            "GROUP",
            self._group,
            self._consumer,
            "COUNT",
            most,
            "STREAMS",
            self._keys.journal,
            after,
        )
        try:
            reply = await self._client.call(*read)
        except BrokerRefused as error:
            if "NOGROUP" not in str(error):
                raise
            await self._create_group()
            reply = await self._client.call(*read)
        streams = cast("Sequence[tuple[bytes, Sequence[tuple[bytes, Sequence[bytes] | None]]]]", reply or ())
        return tuple(_delivered(entry, fields) for _, entries in streams for entry, fields in entries)

    async def _create_group(self) -> None:
        # A new group begins with the oldest entry: what was announced before its first worker came is not lost.
        try:
            await self._client.call("XGROUP", "CREATE", self._keys.journal, self._group, "0", "MKSTREAM")
        except BrokerRefused as error:
            if "BUSYGROUP" not in str(error):
                raise


def _delivered(entry: bytes, fields: Sequence[bytes] | None) -> Delivered:
    texts = [field.decode(errors="replace") for field in fields or ()]
    return Delivered(event_ids.parse(entry.decode()), dict(zip(texts[::2], texts[1::2], strict=True)))
