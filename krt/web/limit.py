"""Limits each repository to 30 calls at once and 60 calls a minute, in this process. Retries are free.

krt has its own limiter, because the libraries limits and pyrate-limiter cannot give back a single charge, as krt does
when Valkey shows that the call was a retry, and do not bound the number of keys in memory. A limit in Valkey would cost
an exchange for each call, even for a refused one.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import trio

from krt.errors import TooManyCalls

AT_ONCE = 30
A_MINUTE = 60
MOST_REPOSITORIES = 10_000
MOST_TOKENS = 4_096  # 13 new ones a second for a GitHub token's life of 300 s; a forgotten token's retry is charged

_REFILL_SECONDS = 60 / A_MINUTE  # for one call
_FULL_SECONDS = AT_ONCE * _REFILL_SECONDS  # a bucket is full after this time without a call, and is dropped


class _Charge(Enum):
    """The charge for a token's first call in this process.

    A retry may reach another process than the first call. There the token is new and is charged. If Valkey then
    answers that the event is known, the charge is returned. Otherwise one event would be charged in each process
    that a load balancer gives a retry to, and a repository that announces 30 images at once and retries would get 429.
    A KEPT charge is never returned: otherwise each retry would return the charge of its own first call.
    """

    PENDING = auto()
    KEPT = auto()
    RETURNED = auto()


@dataclass(slots=True)
class _Bucket:
    calls: float
    at: float

    def fill(self, calls: float) -> None:
        self.calls = min(self.calls + calls, AT_ONCE)


class RateLimit:
    """A token bucket for each repository id, and the tokens that were charged.

    A token is good for one event, so it is charged once. Its retries are free, even while its first call runs.
    Memory is bounded: beyond MOST_REPOSITORIES buckets, repositories without a bucket get TooManyCalls; beyond
    MOST_TOKENS, the token charged first is forgotten.
    """

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # ordered by the last call, oldest first
        self._charges: OrderedDict[str, _Charge] = OrderedDict()  # by token

    def charge(self, repository_id: str, token: str) -> None:
        """Charge one call to the repository, unless `token` was charged before. Raises TooManyCalls."""
        if token in self._charges:
            return
        bucket = self._bucket(repository_id)
        if bucket.calls < 1:
            raise TooManyCalls((1 - bucket.calls) * _REFILL_SECONDS)
        bucket.fill(-1)
        self._charges[token] = _Charge.PENDING
        if len(self._charges) > MOST_TOKENS:
            self._charges.popitem(last=False)

    def accepted(self, repository_id: str, token: str, *, again: bool) -> None:
        """Note that a call was answered with an event. With `again`, an earlier call, perhaps elsewhere, made it."""
        bucket, charge = self._buckets.get(repository_id), self._charges.get(token)
        if bucket is None:
            return
        if again and charge is _Charge.PENDING:
            bucket.fill(1)
            self._charges[token] = _Charge.RETURNED
        elif not again and charge is not None:
            if charge is _Charge.RETURNED:  # two concurrent calls: the repetition was answered first
                bucket.fill(-1)
            self._charges[token] = _Charge.KEPT

    def refused(self, token: str) -> None:
        """Note that a call was refused: the token's next call is charged again."""
        self._charges.pop(token, None)

    def _bucket(self, repository_id: str) -> _Bucket:
        now = self._clock()
        self._forget_silent(now)
        if repository_id not in self._buckets:
            if len(self._buckets) >= MOST_REPOSITORIES:
                raise TooManyCalls(self._oldest_at() + _FULL_SECONDS - now)
            self._buckets[repository_id] = _Bucket(AT_ONCE, now)
        bucket = self._buckets[repository_id]
        self._buckets.move_to_end(repository_id)
        bucket.fill((now - bucket.at) / _REFILL_SECONDS)
        bucket.at = now
        return bucket

    def _forget_silent(self, now: float) -> None:
        while self._buckets and self._oldest_at() + _FULL_SECONDS <= now:
            self._buckets.popitem(last=False)

    def _oldest_at(self) -> float:
        return next(iter(self._buckets.values())).at
