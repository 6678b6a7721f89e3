"""The metrics of the controllers: who leads, how BundleDeployments and Bundles stand, and what was done for them."""

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
        self._leaders = _Leaders()
        registry.register(self._leaders)

    def install_ended(self, end: str) -> None:
        """Count a run that has applied a bundle, or tried to."""
        self._installs.labels(end).inc()

    def repaired(self, objects: int) -> None:
        """Count objects that were not as krt had applied them."""
        self._repaired.inc(objects)

    def watch_leader(self, controller: str, *, leads: Callable[[], bool], retrying: Callable[[], int]) -> None:
        """Add who leads of the controllers of this name in KRT_CONTROLLERS. The functions are called at each scrape."""
        self._leaders.watched[controller] = (leads, retrying)

    def watch_bundles(
        self, *, deployments: Callable[[], Mapping[str, int]], bundles: Callable[[], Mapping[str, int]]
    ) -> None:
        """Add the metrics of the present state. The functions are called at each scrape."""
        self._registry.register(_State(deployments, bundles))


class _Leaders(Collector):
    def __init__(self) -> None:
        self.watched: dict[str, tuple[Callable[[], bool], Callable[[], int]]] = {}

    def collect(self) -> Iterator[Metric]:
        leads = GaugeMetricFamily(
            "krt_controller_leads", "1 if this process holds the Lease, and works", labels=["controller"]
        )
        retrying = GaugeMetricFamily(
            "krt_controller_retrying", "Objects whose run has failed, and that wait for another", labels=["controller"]
        )
        for controller, (is_leader, waiting) in self.watched.items():
            leads.add_metric([controller], int(is_leader()))
            retrying.add_metric([controller], waiting())
        yield leads
        yield retrying


class _State(Collector):
    def __init__(self, deployments: Callable[[], Mapping[str, int]], bundles: Callable[[], Mapping[str, int]]) -> None:
        self._deployments, self._bundles = deployments, bundles

    def collect(self) -> Iterator[Metric]:
        deployments = GaugeMetricFamily("krt_bundle_deployments", "BundleDeployments that krt keeps", labels=["state"])
        for state in STATES:
            deployments.add_metric([state], self._deployments().get(state, 0))
        yield deployments
        bundles = GaugeMetricFamily("krt_bundles", "Bundles that krt keeps", labels=["phase"])
        for phase in PHASES:
            bundles.add_metric([phase], self._bundles().get(phase, 0))
        yield bundles
