"""Reads the newest events' reports for the live page. Writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from krt.broker.bounded import GROUPS
from krt.broker.client import Client
from krt.broker.clusters import seen_of
from krt.broker.keys import Keys
from krt.broker.pages import read_hash, texts
from krt.broker.script import Script
from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.ports.announcements import Recent
from krt.core.report.conclusion import is_finished
from krt.core.report.report import Report
from krt.core.report.report_fields import parse

MOST_EVENTS = 100
MOST_FIELDS = 10_000  # of all these reports together
MOST_OTHERS = 64
_FIELDS_AT_ONCE = 300
_BYTES_AT_ONCE = 256 * 1024  # then no more fields are read; the last report may add as many bytes again

# KEYS 1 journal, 2 the sightings: when each group of workers was last alive
# ARGV 1 beginning of report keys, 2 the most events, 3 the most fields in all, 4 the most fields of one report,
#      5 the number of bytes after which no more fields are returned, 6 the number of reports that the caller knows,
#      then id and size (in fields) of each of these, then the ids of other events.
# Returns the time (seconds since the epoch), the sightings, a list for the newest events, a list for the other events,
# and 1 if the journal holds older events than these newest ones, else 0. Each row of a list has an id, a size (0: no
# report) and fields. The fields are empty if the caller knows a report of this size, or if they would make the reply
# too large: then the caller reads the report in a call of its own.
RECENT = Script(
    GROUPS
    + """
local known, last, newest, others = {}, 6 + 2 * ARGV[6], {}, {}
local fields_left, bytes_left = tonumber(ARGV[3]), tonumber(ARGV[5])
for i = 7, last, 2 do known[ARGV[i]] = tonumber(ARGV[i + 1]) end
local function fields_of(key)
  local fields = all_of(key) or {}
  for _, part in ipairs(fields) do bytes_left = bytes_left - #part end
  return fields
end
local function look(found, id)
  local size = size_of(ARGV[1] .. id)
  if size > fields_left and #found > 0 then return false end
  fields_left = fields_left - size
  local left_out = size == 0 or known[id] == size or size > tonumber(ARGV[4]) or bytes_left <= 0
  found[#found + 1] = {id, size, left_out and {} or fields_of(ARGV[1] .. id)}
  return true
end
for i = last + 1, #ARGV do look(others, ARGV[i]) end
local entries = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', ARGV[2] + 1)
local has_older = entries[ARGV[2] + 1] and 1 or 0
entries[ARGV[2] + 1] = nil
for _, entry in ipairs(entries) do
  if not look(newest, entry[1]) then has_older = 1 break end
end
return {redis.call('TIME')[1], groups_of(KEYS[2]), newest, others, has_older}
"""
)

_Found = Sequence[tuple[bytes, int, Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A report in which every state is final. Another group or krt web can only add fields: `size` grows."""

    report: Report
    size: int


class RecentReports:
    """Reads the reports of the newest MOST_EVENTS events. Keeps finished ones, so that Valkey sends each once."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._known: Mapping[EventId, _Known] = {}

    async def read(self, others: Collection[EventId] = ()) -> Recent:
        """The newest events' reports, newest first, and those of at most 64 others. Raises BrokerUnavailable."""
        now, groups, newest, also, has_older = await self._look(list(others)[:MOST_OTHERS])
        known: dict[EventId, _Known] = {}
        recent = [report for one in newest if (report := await self._report(*one, known))]
        further = [report for one in also if (report := await self._report(*one, known))]
        self._known = known
        older = {report.id: report for report in further}
        return Recent(tuple(recent), older, seen_of(groups, now), has_older=has_older == 1)

    async def _look(self, others: Sequence[EventId]) -> tuple[bytes, Sequence[bytes], _Found, _Found, int]:
        own: list[str | int] = [self._keys.report(""), MOST_EVENTS, MOST_FIELDS, _FIELDS_AT_ONCE, _BYTES_AT_ONCE]
        known = [part for event, one in self._known.items() for part in (str(event), one.size)]
        arguments = [*own, len(self._known), *known, *map(str, others)]
        reply = await self._client.eval_script(RECENT, [self._keys.journal, self._keys.alive], arguments)
        return cast("tuple[bytes, Sequence[bytes], _Found, _Found, int]", reply)

    async def _report(
        self, name: bytes, size: int, fields: Sequence[bytes], known: dict[EventId, _Known]
    ) -> Report | None:
        event = event_ids.parse(name.decode())
        before = self._known.get(event)
        if before and before.size == size:
            known[event] = before
            return before.report
        if size == 0:  # somebody wrote the entry by hand, or it is being trimmed
            return None
        report = parse(event, texts(fields) if fields else await read_hash(self._client, self._keys.report(str(event))))
        if report.groups and all(is_finished(report, group) for group in report.groups):
            known[event] = _Known(report, size)
        return report
