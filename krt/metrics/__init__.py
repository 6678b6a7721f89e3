"""The Prometheus metrics of one process.

Every label has a bounded set of values: krt's own codes, never a repository, a key id or a caller's text. No part of
krt reads a metric to decide anything; the live page shows some. docs/metrics.md explains each metric.
Start reading in `Metrics` below; `web.py`, `worker.py`, `controller.py` and `secrets.py` hold the metrics of one
role or controller each.
"""

import platform
from functools import cached_property

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from krt import __version__
from krt.metrics.controller import ControllerMetrics
from krt.metrics.secrets import SecretsMetrics
from krt.metrics.web import WebMetrics
from krt.metrics.worker import WorkerMetrics

__all__ = ["CONTENT_TYPE", "ControllerMetrics", "Metrics", "SecretsMetrics", "WebMetrics", "WorkerMetrics"]

CONTENT_TYPE = prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series


class Metrics:
    """The registry of one process. The metrics of a role are created when the role first asks for them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Gauge("krt_build_info", "Always 1", ["version", "python"], registry=self.registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._durable = Gauge(
            "krt_journal_durable",
            "1 if Valkey keeps confirmed writes over a crash, as far as this role may see; NaN before the first look",
            registry=self.registry,
        )
        self._durable.set(float("nan"))

    @cached_property
    def web(self) -> WebMetrics:
        """The metrics of the public listener."""
        return WebMetrics(self.registry)

    @cached_property
    def worker(self) -> WorkerMetrics:
        """The metrics of the worker."""
        return WorkerMetrics(self.registry)

    @cached_property
    def controller(self) -> ControllerMetrics:
        """The metrics of the controller."""
        return ControllerMetrics(self.registry)

    @cached_property
    def secrets(self) -> SecretsMetrics:
        """The metrics of the controller of App secrets."""
        return SecretsMetrics(self.registry)

    def journal_durable(self, durable: bool) -> None:  # noqa: FBT001 - the metric's value
        """Set whether Valkey's settings make the journal survive a crash of Valkey."""
        self._durable.set(int(durable))

    def exposition(self) -> bytes:
        """All metrics, in the text format of CONTENT_TYPE."""
        return prometheus_client.generate_latest(self.registry)
