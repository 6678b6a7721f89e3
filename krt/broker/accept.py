"""Accepts an event with one script, after which the event cannot be lost."""

from secrets import token_hex

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.scripts import ACCEPT
from krt.core.announce import event_id as event_ids
from krt.core.announce.event import to_message
from krt.core.caller.use import Use
from krt.core.envelope import Envelope, to_fields
from krt.core.ports.announcements import Acceptance
from krt.errors import BrokerUnavailable, IdempotencyKeyAlreadyUsed, JournalFull, TokenAlreadyUsed

# This is more than a token's longest life of 900 s with clocks that are 10 s off. A longer time costs only memory.
_TOKEN_MILLISECONDS = 1_200_000
_RETRY_MILLISECONDS = 24 * 3600 * 1000  # as long as the journal keeps the event


class Acceptor:
    """Appends events to the journal and publishes them on `channel`, by the rules J1 and J2 (docs/correctness.md).

    With `most_entries` in the journal no further event is accepted.
    """

    def __init__(self, client: Client, keys: Keys, *, channel: str, most_entries: int) -> None:
        self._client = client
        self._keys = keys
        self._channel = channel
        self._most_entries = most_entries

    async def accept(self, envelope: Envelope, use: Use) -> Acceptance:
        """Append the event, mark the token as used, and publish, all in one step.

        Raises TokenAlreadyUsed, IdempotencyKeyAlreadyUsed, JournalFull, BrokerUnavailable. After BrokerUnavailable the
        event may be in the journal: the same call again then returns its id.
        """
        keys, token = self._keys, self._keys.token(use.token)
        reply = await self._client.eval_script(
            ACCEPT,
            [keys.journal, keys.journal_name, token, keys.retry(use.retry) if use.retry else token],
            [
                use.fingerprint,
                _TOKEN_MILLISECONDS,
                _RETRY_MILLISECONDS,
                self._most_entries,
                token_hex(8),
                self._channel,
                b"" if envelope.dry_run else to_message(envelope.event),
                keys.report(""),
                _RETRY_MILLISECONDS,
                *(part for field in to_fields(envelope).items() for part in field),
            ],
        )
        return _accepted(reply)


def _accepted(reply: object) -> Acceptance:
    match reply:
        case [b"accepted", bytes(entry), int(receivers)]:
            return Acceptance(
                event_ids.parse(entry.decode()), again=False, receivers=None if receivers < 0 else receivers
            )
        case [b"again", bytes(entry)]:
            return Acceptance(event_ids.parse(entry.decode()), again=True, receivers=0)
        case [b"used"]:
            raise TokenAlreadyUsed
        case [b"key-used"]:
            raise IdempotencyKeyAlreadyUsed
        case [b"full"]:
            raise JournalFull("the journal holds as many events as it may (KRT_MAX_JOURNAL)")
        case _:
            raise BrokerUnavailable("Valkey answered the accept script with something that the script never returns")
