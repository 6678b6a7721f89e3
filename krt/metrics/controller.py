"""The metrics of the controller: who leads, how BundleDeployments and Bundles stand, and what was done for them."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Every value of every label. Each series exists from the start, at 0.
ENDS = ("ready", "untouched", "stopped", "unhealthy")
STATES = ("installed", "unhealthy", "failing", "pending")
PHASES = ("Pending", "Unpacking", "Unpacked", "Failing")


class ControllerMetrics:
    """Deliveries and repairs as one controller sees them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._installs = Counter(
            "krt_bundle_installs", "Runs that installed a bundle, by how they ended", ["end"], registry=registry
        )
        self._repaired = Counter(
            "krt_drift_repairs", "Objects that were applied again, because somebody had changed them", registry=registry
        )
        for end in ENDS:
            self._installs.labels(end)

    def install_ended(self, end: str) -> None:
        """Count a run that has applied a bundle, or tried to."""
        self._installs.labels(end).inc()

    def repaired(self, objects: int) -> None:
        """Count objects that were not as krt had applied them."""
        self._repaired.inc(objects)

    def watch_controller(
        self,
        *,
        leads: Callable[[], bool],
        retrying: Callable[[], int],
        deployments: Callable[[], Mapping[str, int]],
        bundles: Callable[[], Mapping[str, int]],
    ) -> None:
        """Add the metrics of the present state. The functions are called at each scrape."""
        self._registry.register(_State(leads, retrying, deployments, bundles))


class _State(Collector):
    def __init__(
        self,
        leads: Callable[[], bool],
        retrying: Callable[[], int],
        deployments: Callable[[], Mapping[str, int]],
        bundles: Callable[[], Mapping[str, int]],
    ) -> None:
        self._leads, self._retrying, self._deployments, self._bundles = leads, retrying, deployments, bundles

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "krt_controller_leads", "1 if this process holds the Lease, and works", value=int(self._leads())
        )
        yield GaugeMetricFamily(
            "krt_controller_retrying", "BundleDeployments that wait for another attempt", value=self._retrying()
        )
        deployments = GaugeMetricFamily("krt_bundle_deployments", "BundleDeployments that krt keeps", labels=["state"])
        for state in STATES:
            deployments.add_metric([state], self._deployments().get(state, 0))
        yield deployments
        bundles = GaugeMetricFamily("krt_bundles", "Bundles that krt keeps", labels=["phase"])
        for phase in PHASES:
            bundles.add_metric([phase], self._bundles().get(phase, 0))
        yield bundles
