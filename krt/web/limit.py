"""How often a repository may call: 30 times at once and 60 times a minute, in this process; retries are free."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import trio

from krt.errors import TooManyCalls

AT_ONCE = 30
A_MINUTE = 60
MOST_REPOSITORIES = 10_000
MOST_TOKENS = 10_000

_REFILL_SECONDS = 60 / A_MINUTE  # of one call
_FULL_SECONDS = AT_ONCE * _REFILL_SECONDS  # whoever was silent for so long is as good as new, and is forgotten


@dataclass(slots=True)
class _Bucket:
    calls: float
    at: float


class RateLimit:
    """A bucket of calls for each repository id. What it remembers is bounded; where that is full, new ones wait."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the one that called longest ago comes first
        self._answered: OrderedDict[str, None] = OrderedDict()

    def charge(self, repository_id: str, token: str) -> None:
        """One call with a token, known by its digest. Raises TooManyCalls.

        A token that was answered with an event costs nothing again: its retry must get that answer.
        """
        if token in self._answered:
            return
        bucket = self._bucket(repository_id)
        if bucket.calls < 1:
            raise TooManyCalls((1 - bucket.calls) * _REFILL_SECONDS)
        bucket.calls -= 1

    def accepted(self, repository_id: str, token: str, *, again: bool) -> None:
        """The call was answered with an event; `again`: with that of an earlier call, so that it was free."""
        if again and token not in self._answered and repository_id in self._buckets:
            bucket = self._buckets[repository_id]
            bucket.calls = min(bucket.calls + 1, AT_ONCE)
        self._answered[token] = None
        self._answered.move_to_end(token)
        if len(self._answered) > MOST_TOKENS:
            self._answered.popitem(last=False)

    def misused(self, token: str) -> None:
        """The token was used for something else: from now on its calls cost again."""
        self._answered.pop(token, None)

    def _bucket(self, repository_id: str) -> _Bucket:
        now = self._clock()
        self._forget_silent(now)
        if repository_id not in self._buckets:
            if len(self._buckets) >= MOST_REPOSITORIES:
                raise TooManyCalls(self._oldest_at() + _FULL_SECONDS - now)
            self._buckets[repository_id] = _Bucket(AT_ONCE, now)
        bucket = self._buckets[repository_id]
        self._buckets.move_to_end(repository_id)
        bucket.calls = min(bucket.calls + (now - bucket.at) / _REFILL_SECONDS, AT_ONCE)
        bucket.at = now
        return bucket

    def _forget_silent(self, now: float) -> None:
        while self._buckets and self._oldest_at() + _FULL_SECONDS <= now:
            self._buckets.popitem(last=False)

    def _oldest_at(self) -> float:
        return next(iter(self._buckets.values())).at
