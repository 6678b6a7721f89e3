"""The metrics of the controller of App secrets: what was delivered, and how the linked Deployments stand."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Every value of every label. Each series exists from the start, at 0.
CAUSES = ("FirstDelivery", "ValuesChanged", "Redelivered", "EnvironmentMoved", "CopyRestored", "AttachedAgain")
LINK_STATES = ("Delivered", "Waiting", "Missing", "NotADeployment", "Ignored", "Detached", "Refused", "Fighting")


class SecretsMetrics:
    """Deliveries as one controller sees them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._delivered = Counter(
            "krt_secret_deliveries_total", "Copies that were written, by why", ["cause"], registry=registry
        )
        self._rollouts = Counter(
            "krt_secret_rollouts_total", "Changes of a pod template, each of which makes new pods", registry=registry
        )
        self._detached = Counter("krt_secret_detachments_total", "Copies that were taken back", registry=registry)
        self._failed = Counter(
            "krt_secret_failures_total", "Attempts that the API server has failed", registry=registry
        )
        for cause in CAUSES:
            self._delivered.labels(cause)

    def delivered(self, cause: str, *, makes_pods: bool) -> None:
        """Count a delivery."""
        self._delivered.labels(cause).inc()
        self._rollouts.inc(int(makes_pods))

    def detached(self) -> None:
        """Count a detachment."""
        self._detached.inc()

    def failed(self) -> None:
        """Count an attempt that has failed."""
        self._failed.inc()

    def watch_deployments(self, states: Callable[[], Mapping[str, int]]) -> None:
        """Add the metrics of the present state. The function is called at each scrape."""
        self._registry.register(_State(states))


class _State(Collector):
    def __init__(self, states: Callable[[], Mapping[str, int]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        found = self._states()
        family = GaugeMetricFamily("krt_secret_deployments", "Deployments that Apps name", labels=["state"])
        for state in LINK_STATES:
            family.add_metric([state], found.get(state, 0))
        yield family
