"""What this process has refused, by reason and by the minute of the last hour, as its own metrics count it."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

import trio

from krt.metrics import Metrics

MINUTES = 60
_REQUESTS, _TRANSPORT = "krt_requests_total", "krt_transport_denials_total"

_Key = tuple[str, str]  # reason and answer: codes of krt's own, so there are few


@dataclass(frozen=True, slots=True)
class Refused:
    """One reason: what was answered, how often in each of the last minutes (oldest first), and since the start."""

    reason: str
    answer: str
    minutes: tuple[int, ...]
    total: int


class Refusals:
    """Remembers an hour of counts; `keep` must run for the minutes to pass."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = metrics.registry.restricted_registry([_REQUESTS, _TRANSPORT])  # the others cost more to ask
        self._minutes: deque[Counter[_Key]] = deque(maxlen=MINUTES - 1)
        self._before = self._counts()

    async def keep(self) -> None:
        """Let the minutes pass, for ever."""
        while True:
            await trio.sleep(60)
            counts = self._counts()
            self._minutes.append(counts - self._before)
            self._before = counts

    def rows(self) -> tuple[Refused, ...]:
        """Every reason that has occurred, the one that occurred most in the hour first."""
        totals = self._counts()
        minutes = [*self._minutes, totals - self._before]
        empty = [0] * (MINUTES - len(minutes))
        rows = [Refused(*key, (*empty, *(minute[key] for minute in minutes)), total) for key, total in totals.items()]
        return tuple(sorted(rows, key=lambda row: (-sum(row.minutes), -row.total, row.reason, row.answer)))

    def _counts(self) -> Counter[_Key]:
        counts: Counter[_Key] = Counter()
        for key, count in self._samples():
            counts[key] += count
        return counts

    def _samples(self) -> Iterator[tuple[_Key, int]]:
        for family in self._registry.collect():
            for sample in family.samples:
                if sample.name == _TRANSPORT:
                    yield (sample.labels["reason"], "closed"), int(sample.value)
                elif sample.name == _REQUESTS and int(sample.labels["status"]) >= 400:
                    yield (sample.labels["reason"], sample.labels["status"]), int(sample.value)
