"""How often a repository may call: 30 times at once and 60 times a minute, in this process; retries are free."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import trio

from krt.errors import TooManyCalls

AT_ONCE = 30
A_MINUTE = 60
MOST_REPOSITORIES = 10_000
MOST_TOKENS = 4_096  # 13 a second for as long as a token of GitHub's lives; of one forgotten a retry costs a call

_REFILL_SECONDS = 60 / A_MINUTE  # of one call
_FULL_SECONDS = AT_ONCE * _REFILL_SECONDS  # whoever was silent for so long is as good as new, and is forgotten


class _Charge(Enum):
    """What the first call with a token has cost so far.

    A retry may reach another process than the first call did. There the token is new, so it is charged; Valkey then
    says that the event is known, and the call is given back. Without that, a job behind a load balancer would pay
    for its event once in each process, and a repository that announces 30 images at once, and retries, would get 429.
    What is kept is not given back when a retry is answered later: else every second call would be free.
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
    """A bucket of calls for each repository id, and the tokens that have been paid for.

    A token is one event, so it is charged once: its retries cost nothing, also while the first call is under way.
    What is remembered is bounded: where the buckets are full, repositories that have none yet wait.
    """

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the one that called longest ago comes first
        self._charges: OrderedDict[str, _Charge] = OrderedDict()  # of tokens

    def charge(self, repository_id: str, token: str) -> None:
        """A call of the repository with a token, known by its id. Raises TooManyCalls."""
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
        """The call was answered with an event; `again`: with one that another call, maybe elsewhere, brought in."""
        bucket, charge = self._buckets.get(repository_id), self._charges.get(token)
        if bucket is None:
            return
        if again and charge is _Charge.PENDING:
            bucket.fill(1)
            self._charges[token] = _Charge.RETURNED
        elif not again and charge is not None:
            if charge is _Charge.RETURNED:  # of two calls at once, the repetition was answered first
                bucket.fill(-1)
            self._charges[token] = _Charge.KEPT

    def refused(self, token: str) -> None:
        """The call was none: from now on the token's calls cost again."""
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
