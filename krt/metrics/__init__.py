"""What one process of krt counts, and how Prometheus reads it.

Every label has a bounded set of values: codes of krt's own, never a repository, a key id or anything a caller sent.
docs/metrics.md says what each of them means.
"""

import platform
from functools import cached_property

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from krt import __version__
from krt.metrics.web import WebMetrics
from krt.metrics.worker import WorkerMetrics

__all__ = ["CONTENT_TYPE", "Metrics", "WebMetrics", "WorkerMetrics"]

CONTENT_TYPE = prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody asks for


class Metrics:
    """The registry of one process, and in it the parts of those roles that have asked for theirs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Gauge("krt_build_info", "Always 1", ["version", "python"], registry=self.registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._durable = Gauge(
            "krt_journal_durable",
            "1 if Valkey keeps what it answers over a crash, as far as this role may see; NaN before it was asked",
            registry=self.registry,
        )
        self._durable.set(float("nan"))

    @cached_property
    def web(self) -> WebMetrics:
        """Those of the public listener."""
        return WebMetrics(self.registry)

    @cached_property
    def worker(self) -> WorkerMetrics:
        """Those of the worker."""
        return WorkerMetrics(self.registry)

    def journal_durable(self, durable: bool) -> None:  # noqa: FBT001 - it is the value
        """Whether nothing speaks against the journal's outliving a crash of Valkey."""
        self._durable.set(int(durable))

    def exposition(self) -> bytes:
        """Everything, in the text format of CONTENT_TYPE."""
        return prometheus_client.generate_latest(self.registry)
