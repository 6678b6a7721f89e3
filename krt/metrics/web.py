"""The metrics of the public listener."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)


class WebMetrics:
    """Requests, events and keys of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = Counter(
            "krt_requests",
            "Requests answered by the app, by kind of path",
            ["path", "status", "reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "krt_request_seconds", "From a request's head to its answer", ["path"], buckets=_SECONDS, registry=registry
        )
        self._denied = Counter(
            "krt_transport_denials",
            "Connections and requests that never reached the app",
            ["reason"],
            registry=registry,
        )
        self._denied.labels("crashed")  # at 0 from the start: `increase` does not see a series begin at 1
        self._events = Counter("krt_events", "Events: accepted, or repeated by a retry", ["outcome"], registry=registry)
        self._unheard = Counter(
            "krt_events_unheard", "Accepted events whose message no subscriber received", registry=registry
        )
        self._open = Gauge("krt_connections_open", "Open connections of the public listener", registry=registry)

    def request_ended(self, *, path: str, status: int, reason: str, seconds: float) -> None:
        """Count a request that was answered. `path` is a route's label and `reason` a code."""
        self._requests.labels(path, str(status), reason).inc()
        self._seconds.labels(path).observe(seconds)

    def denied(self, reason: str) -> None:
        """Count a refusal by the server itself."""
        self._denied.labels(reason).inc()

    def event(self, *, again: bool, receivers: int | None) -> None:
        """Count an accepted event, or its repetition (`again`). `receivers` is None if the publication failed."""
        self._events.labels("repeated" if again else "accepted").inc()
        if not again and not receivers:
            self._unheard.inc()

    def connections_open(self, count: int) -> None:
        """Set the number of open connections."""
        self._open.set(count)

    def watch_keys(
        self, *, count: Callable[[], int], age_seconds: Callable[[], float], fetches: Mapping[str, int]
    ) -> None:
        """Add the metrics of the issuer's keys, read at each scrape. `fetches` counts by outcome."""
        self._registry.register(_Keys(count, age_seconds, fetches))


class _Keys(Collector):
    def __init__(self, count: Callable[[], int], age_seconds: Callable[[], float], fetches: Mapping[str, int]) -> None:
        self._count = count
        self._age_seconds = age_seconds
        self._fetches = fetches

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("krt_keys", "Usable keys of the issuer", value=self._count())
        yield GaugeMetricFamily(
            "krt_keys_age_seconds", "Time since the keys were last fetched; +Inf if never", value=self._age_seconds()
        )
        fetches = CounterMetricFamily("krt_key_fetches", "Fetches of the issuer's keys", labels=["outcome"])
        for outcome, times in self._fetches.items():
            fetches.add_metric([outcome], times)
        yield fetches
