"""Reads reports, for krt web and the worker. The first final state that krt web answers is stored and then repeated."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from krt.broker.client import Client
from krt.broker.clusters import seen_of
from krt.broker.keys import Keys
from krt.broker.pages import read_hash, texts
from krt.broker.report_scripts import END, READ
from krt.core.announce.event_id import EventId
from krt.core.report.conclusion import state_of
from krt.core.report.presence import Seen
from krt.core.report.report import ENDED, FINAL, EventState, Report
from krt.core.report.report_fields import parse
from krt.errors import BrokerUnavailable

_FIELDS_AT_ONCE = 300


async def read_report(client: Client, keys: Keys, event: EventId) -> tuple[Report, Seen] | None:
    """An event's report, and when each group was last seen; None if there is none, or none any more.

    Changes nothing. Raises BrokerUnavailable.
    """
    key = keys.report(str(event))
    reply = await client.eval_script(READ, [key, keys.alive], [_FIELDS_AT_ONCE])
    first, groups, now, whole = cast("tuple[Sequence[bytes], Sequence[bytes], bytes, int]", reply)
    if not first:
        return None
    fields = texts(first) if whole else await read_hash(client, key) | texts(first)
    return parse(event, fields), seen_of(groups, now)


class Reports:
    """The reports of all events. `read` raises BrokerUnavailable."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def read(self, event: EventId) -> tuple[Report, Seen] | None:
        """An event's report, and when each group was last seen; None if there is none, or none any more.

        If the event's state is final, stores it, so that later answers repeat it. An error in storing is ignored.
        """
        if not (found := await read_report(self._client, self._keys, event)):
            return None
        report, seen = found
        return await self._ended(report, state_of(report, seen)), seen

    async def _ended(self, report: Report, state: EventState) -> Report:
        if state not in FINAL or report.ended:
            return report
        try:
            keys = [self._keys.report(str(report.id))]
            ended = cast("bytes", await self._client.eval_script(END, keys, [ENDED, state]))
        except BrokerUnavailable:  # for example, Valkey is full: reports can still be read
            return report
        return replace(report, event={**report.event, ENDED: ended.decode(errors="replace")})
