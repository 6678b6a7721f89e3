"""Counts this process's refusals and failures by reason, for each minute of the last hour, from its metrics."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import trio

from krt.metrics import Metrics

MINUTES = 60

_Key = tuple[str, str]  # (reason, subject): both are krt's own codes, so there are few
_Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """One reason: its subject, its counts of the last 60 minutes, oldest first, and its total since the start."""

    reason: str
    what: str
    minutes: tuple[int, ...]
    total: int


class Refusals:
    """Remembers an hour of counts. `keep` must run, or the minutes do not advance."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = metrics.registry.restricted_registry(list(_COUNTERS))  # collecting the others costs more
        self._minutes: deque[Counter[_Key]] = deque(maxlen=MINUTES - 1)
        self._before = self._counts()

    async def keep(self) -> None:
        """Advance the minutes, for ever."""
        while True:
            await trio.sleep(60)
            counts = self._counts()
            self._minutes.append(counts - self._before)
            self._before = counts

    def rows(self) -> tuple[RefusalCount, ...]:
        """Every reason that has occurred, ordered by its count in the last hour, highest first."""
        totals = self._counts()
        minutes = [*self._minutes, totals - self._before]
        empty = [0] * (MINUTES - len(minutes))
        rows = [
            RefusalCount(*key, (*empty, *(minute[key] for minute in minutes)), total)
            for key, total in totals.items()
            if total
        ]
        return tuple(sorted(rows, key=lambda row: (-sum(row.minutes), -row.total, row.reason, row.what)))

    def _counts(self) -> Counter[_Key]:
        counts: Counter[_Key] = Counter()
        for key, count in self._samples():
            counts[key] += count
        return counts

    def _samples(self) -> Iterator[tuple[_Key, int]]:
        for family in self._registry.collect():
            for sample in family.samples:
                if key := _COUNTERS[sample.name](sample.labels):
                    yield key, int(sample.value)


def _request(labels: _Labels) -> _Key | None:
    return (labels["reason"], f"request: {labels['status']}") if int(labels["status"]) >= 400 else None


def _ended_badly(what: str) -> Callable[[_Labels], _Key | None]:
    def key(labels: _Labels) -> _Key | None:
        return (labels["outcome"], what) if labels["outcome"] in {"refused", "lost", "failed", "expired"} else None

    return key


_COUNTERS: Mapping[str, Callable[[_Labels], _Key | None]] = {
    "krt_requests_total": _request,
    "krt_transport_denials_total": lambda labels: (labels["reason"], "connection"),
    "krt_messages_total": _ended_badly("message"),
    "krt_events_settled_total": _ended_badly("event"),
    "krt_restarts_total": _ended_badly("restart"),
}
