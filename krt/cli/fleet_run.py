"""Writes a bundle's instances cluster by cluster, in order, and stops at the first failure."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from msgspec.structs import replace

from krt.cli.fleet_outcome import ClusterOutcome, FleetOutcome, InstanceOutcome, InstanceState
from krt.cli.fleet_transcript import Transcript
from krt.client.console import Console, plain
from krt.client.display import open_display
from krt.client.report import received
from krt.cluster.access import http_client
from krt.cluster.transport import Transport
from krt.core.delivery.delivery_report import Show
from krt.core.fleet.veil import Veil
from krt.core.report.report import EventState
from krt.core.report.report_document import Document
from krt.delivery.at_once import MOST_AT_ONCE
from krt.delivery.instance_delivery import InstanceWishes, PlannedInstance, apply_instance, delete_instance
from krt.delivery.order import DeliveryResult
from krt.delivery.waiting import MOST_WATCHES

Write = Callable[[Transport, PlannedInstance, InstanceWishes, Show], Awaitable[DeliveryResult]]
VERBS: dict[str, Write] = {"apply": apply_instance, "delete": delete_instance}
_HEADS = {"apply": "applying bundle {} to {}", "delete": "deleting bundle {} from {}"}


@dataclass(frozen=True, slots=True)
class FleetRun:
    """One run over all clusters."""

    outcome: FleetOutcome
    wishes: InstanceWishes
    console: Console

    async def run(self) -> None:
        """Write all clusters. The outcome then says how far the run has come."""
        for cluster in self.outcome.clusters:
            if not await self._cluster(cluster):
                return

    async def _cluster(self, cluster: ClusterOutcome) -> bool:
        way, bundle = cluster.planned.way, cluster.planned.bundle
        self.console.line(plain(_HEADS[self.outcome.verb].format(bundle, way)))
        async with http_client(way.server, connections=MOST_AT_ONCE + MOST_WATCHES) as client:
            transport = Transport(client, way.credentials)
            for instance in cluster.instances:
                result = await self._instance(cluster, instance, transport)
                if not self.outcome.end(cluster, instance, result.end):
                    return False
        return True

    async def _instance(
        self, cluster: ClusterOutcome, instance: InstanceOutcome, transport: Transport
    ) -> DeliveryResult:
        title = f"instance {instance.name}{f' on cluster {cluster.title}' if cluster.title else ''}"
        instance.state, veil = InstanceState.RUNNING, Veil(cluster.planned.secrets)
        with self._shown(instance, title) as show:

            def keep(report: Document) -> None:
                instance.report = _veiled(report, veil)
                show(instance.report)

            return await VERBS[self.outcome.verb](transport, instance.planned, self.wishes, keep)

    @contextmanager
    def _shown(self, instance: InstanceOutcome, title: str) -> "Iterator[Show]":
        """Show the instance's reports: as a live picture on a terminal, else as lines in a group."""
        console, planned = self.console, instance.planned
        if console.animated and find_spec("rich"):
            self._tell_head(planned)
            with open_display(console, title, subject="delivery") as display:
                yield lambda report: display.show(received(report))
            return
        with console.group(title):
            self._tell_head(planned)
            transcript = Transcript(planned, self._say, is_dry_run=self.outcome.is_dry_run)
            yield transcript.show
            if instance.report:
                transcript.end(instance.report, is_well=instance.report.state in _WELL)

    def _tell_head(self, planned: PlannedInstance) -> None:
        instance = planned.instance
        if self.outcome.verb == "delete":
            self._say(f"deleting instance {instance.name} in namespace {instance.namespace}")
            return
        self._say(f"applying instance {instance.name}")
        self._say(f"pulling oci://{instance.module.url}")
        self._say(f"using module {planned.objects.module} version {planned.objects.version}")
        doing = "upgrading" if planned.record else "installing"
        self._say(f"{doing} {instance.name} in namespace {instance.namespace}")

    def _say(self, text: str) -> None:
        self.console.line(plain(text))


_WELL = {EventState.READY, EventState.DONE}


def _veiled(report: Document, veil: Veil) -> Document:
    """The report without secrets in its reasons."""
    targets = tuple(replace(each, reason=veil(each.reason)) if each.reason else each for each in report.targets)
    clusters = tuple(replace(each, reason=veil(each.reason)) if each.reason else each for each in report.clusters)
    return replace(report, targets=targets, clusters=clusters)
