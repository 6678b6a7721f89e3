"""The metrics of the worker: events, restarts, the journal, and the work that waits."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# A restart takes milliseconds if it is immediate, up to KRT_MIN_INTERVAL if it waits for that, and up to
# KRT_MAX_EVENT_AGE (an hour by default) if it is retried.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_UNKNOWN = float("nan")

# All values of the labels: each series exists from the start, at 0.
EVENTS = ("settled", "no_match", "failed", "expired", "dry_run")
RESTARTS = ("restarted", "covered", "superseded", "unmatched", "failed", "expired")
RETRIES = ("conflict", "denied", "unavailable", "journal")
MESSAGES = ("adopted", "refused", "lost")
WATCH_ENDS = ("ended", "expired", "denied", "failed")


class WorkerMetrics:
    """Events, restarts and the journal as one worker sees them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._events = Counter(
            "krt_events_settled",
            "Events that this worker acknowledged, by outcome, but those that had ended before its group was made",
            ["outcome"],
            registry=registry,
        )
        self._restarts = Counter(
            "krt_restarts", "Workloads settled for an event, by outcome", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "krt_event_to_patch_seconds",
            "Time from an event's acceptance, by Valkey's clock, to the end of the patch for it",
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            "krt_restart_retries", "Attempts of a restart that were repeated", ["reason"], registry=registry
        )
        self._messages = Counter(
            "krt_messages", "Messages on the channel that krt web did not send", ["outcome"], registry=registry
        )
        self._entries = Gauge("krt_journal_entries", "Events in the journal, settled or not", registry=registry)
        self._backlog = Gauge("krt_backlog_events", "Events that the group has yet to settle", registry=registry)
        self._oldest = Gauge(
            "krt_backlog_oldest_seconds", "Age of the oldest event that a worker holds; 0: none", registry=registry
        )
        self.journal_unknown()
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        counters = {
            self._events: EVENTS,
            self._restarts: RESTARTS,
            self._retries: RETRIES,
            self._messages: MESSAGES,
        }
        for counter, values in counters.items():
            for value in values:
                counter.labels(value)

    def event_settled(self, outcome: str) -> None:
        """Count an event that was acknowledged."""
        self._events.labels(outcome).inc()

    def workload_settled(self, outcome: str) -> None:
        """Count a workload that was settled for one event."""
        self._restarts.labels(outcome).inc()

    def patched(self, seconds: float) -> None:
        """Record a restart that was made `seconds` after its event was accepted."""
        self._seconds.observe(seconds)

    def retried(self, reason: str) -> None:
        """Count an attempt of a restart that will be repeated."""
        self._retries.labels(reason).inc()

    def messages(self, outcome: str, count: int = 1) -> None:
        """Count messages without a journal entry, by outcome."""
        self._messages.labels(outcome).inc(count)

    def journal_seen(self, *, entries: int, unsettled: int | None, oldest_seconds: float) -> None:
        """Set the figures of the journal. `unsettled` is None if Valkey cannot tell it."""
        self._entries.set(entries)
        self._backlog.set(_UNKNOWN if unsettled is None else unsettled)
        self._oldest.set(oldest_seconds)

    def journal_unknown(self) -> None:
        """Set the figures of the journal to NaN, until Valkey tells them."""
        for gauge in (self._entries, self._backlog, self._oldest):
            gauge.set(_UNKNOWN)

    def watch_worker(
        self, *, in_hand: Callable[[], int], waiting: Callable[[], int], stalled: Callable[[], float]
    ) -> None:
        """Add the metrics of the worker's load. The functions are called at each scrape.

        `in_hand` returns the number of events that the worker holds, `waiting` the number of workloads that wait for
        their restart, and `stalled` the seconds since the slowest part of the worker began a step that has not
        succeeded yet (0: there is none).
        """
        self._registry.register(_Held(in_hand, waiting, stalled))

    def watch_index(self, *, workloads: Callable[[], int], watch_ends: Callable[[], Mapping[str, int]]) -> None:
        """Add the metrics of the index: size, and ended watches and failed lists by reason.

        The functions are called at each scrape.
        """
        self._registry.register(_Index(workloads, watch_ends))


class _Held(Collector):
    def __init__(self, in_hand: Callable[[], int], waiting: Callable[[], int], stalled: Callable[[], float]) -> None:
        self._in_hand = in_hand
        self._waiting = waiting
        self._stalled = stalled

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("krt_entries_in_hand", "Events that this worker holds", value=self._in_hand())
        yield GaugeMetricFamily(
            "krt_workloads_waiting", "Workloads that this worker is about to restart", value=self._waiting()
        )
        yield GaugeMetricFamily(
            "krt_stalled_seconds",
            "Time since the slowest part of the worker began a step that has not succeeded yet; 0 if there is none",
            value=self._stalled(),
        )


class _Index(Collector):
    def __init__(self, workloads: Callable[[], int], watch_ends: Callable[[], Mapping[str, int]]) -> None:
        self._workloads = workloads
        self._watch_ends = watch_ends

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("krt_index_workloads", "Workloads in the index", value=self._workloads())
        ends = CounterMetricFamily(
            "krt_watch_restarts",
            "Watches, and the lists before them, that ended and were begun again",
            labels=["reason"],
        )
        times = self._watch_ends()
        for reason in WATCH_ENDS:
            ends.add_metric([reason], times.get(reason, 0))
        yield ends
