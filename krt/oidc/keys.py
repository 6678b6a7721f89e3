"""Keeps the issuer's keys fresh. One task does all fetching; no request waits for it."""

import random
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from krt.errors import KeysUnavailable
from krt.logs import Log
from krt.oidc.config import parse_issuer, parse_proxy
from krt.oidc.fetch import Fetch, fetcher
from krt.oidc.keyset import KeySet, KeySetInvalid

log = Log("oidc")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the keys are fetched. Each wait is up to a quarter longer than stated, so that replicas do not coincide.

    Only a fetch for an unknown key may come exactly `cool_down_seconds` after the fetch before it began.
    """

    refresh_seconds: float = 600
    cool_down_seconds: float = 30  # between fetches for unknown keys; after a failure with keys at hand, doubles
    first_retry_seconds: float = 1  # after a failure without keys at hand; doubles
    longest_retry_seconds: float = 60
    stale_seconds: float = 24 * 3600  # a set that could not be renewed is used this long


class KeyRing:
    """The last good key set, and the task that renews it. Only `keep_fresh` waits; the other methods never do."""

    def __init__(self, fetch: Fetch, schedule: Schedule = Schedule(), *, url: str = "") -> None:
        self.url = url  # of the keys, for log and page
        self._fetch = fetch
        self._schedule = schedule
        self._keys: KeySet | None = None
        self._fetched_at = -float("inf")
        self._failures = 0  # since the last good set
        self._wanted = trio.Event()
        self.fetches: Counter[str] = Counter()  # by outcome: "ok", or the reason of a KeySetInvalid
        self.last_failure: str | None = None  # the reason of the latest fetch; None if it succeeded

    def current(self) -> KeySet:
        """The current keys. Raises KeysUnavailable before the first good set and `stale_seconds` after the last one."""
        if self._keys is None or self.age_seconds() > self._schedule.stale_seconds:
            raise KeysUnavailable
        return self._keys

    def age_seconds(self) -> float:
        """Seconds since the last good set was fetched; infinite before the first."""
        return trio.current_time() - self._fetched_at

    def key_count(self) -> int:
        """The number of current keys."""
        try:
            return len(self.current().keys)
        except KeysUnavailable:
            return 0

    def unknown_kid(self) -> None:
        """Ask for a fetch, because a token names an unknown key. Never waits.

        All requests within one cool-down share the fetch at its end: anybody can send a token with any key name.
        """
        self._wanted.set()

    async def keep_fresh(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fetch at once, then for ever on schedule and on demand.

        `task_status.started` is called before the first fetch: a process without keys runs, and is not ready.
        """
        task_status.started()
        while True:
            began = trio.current_time()
            self._wanted = trio.Event()
            await self._renew()
            await self._wait_next(began)

    async def _renew(self) -> None:
        try:
            keys = await self._fetch()
        except KeySetInvalid as error:
            self._failures += 1
            self.last_failure = error.reason
            self.fetches[error.reason] += 1
            log.warning("keys_not_fetched", reason=error.reason, url=self.url, failures=self._failures)
            return
        self._keys, self._fetched_at = keys, trio.current_time()
        self._failures, self.last_failure = 0, None
        self.fetches["ok"] += 1
        log.info("keys_fetched", keys=len(keys.keys), ignored=keys.ignored)

    async def _wait_next(self, began: float) -> None:
        with trio.move_on_at(began + self._pause_seconds() * random.uniform(1, 1.25)):  # noqa: S311 - no secret
            await trio.sleep_until(began + self._schedule.cool_down_seconds)
            await self._wanted.wait()

    def _pause_seconds(self) -> float:
        if not self._failures:
            return self._schedule.refresh_seconds
        first = self._schedule.cool_down_seconds if self.key_count() else self._schedule.first_retry_seconds
        return min(first * 2.0 ** min(self._failures - 1, 32), self._schedule.longest_retry_seconds)


async def key_ring_of(issuer: str, *, proxy: str | None = None, ca_file: Path | None = None) -> KeyRing:
    """The key ring of an issuer. It is empty until its `keep_fresh` runs.

    Raises ValueError with one sentence if the issuer, the proxy or the file is unusable, and SettingsInvalid if the
    environment names an unusable proxy.
    """
    url, route = parse_issuer(issuer).keys_url, parse_proxy(proxy) if proxy else None
    return KeyRing(await trio.to_thread.run_sync(partial(fetcher, url, proxy=route, ca_file=ca_file)), url=url)
