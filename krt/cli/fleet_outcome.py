"""How a run over the clusters of a fleet ends: what was reached on each cluster, and why the run stopped. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from signal import Signals
from typing import Any

import msgspec
from msgspec.structs import replace

from krt.cli.fleet_plan import PlannedCluster
from krt.client import exits
from krt.client.console import plain
from krt.client.report import ReceivedReport
from krt.core.report.report_document import Document, ListedCluster, ListedTarget
from krt.delivery.instance_delivery import PlannedInstance
from krt.delivery.order import End


class InstanceState(StrEnum):
    """How far an instance is on one cluster."""

    NOT_REACHED = "not reached"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class InstanceOutcome:
    """An instance on one cluster. `report` is the last one, without secrets; None before there is any."""

    planned: PlannedInstance
    state: InstanceState = InstanceState.NOT_REACHED
    report: Document | None = None

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.planned.instance.name


@dataclass(slots=True)
class ClusterOutcome:
    """A cluster with its instances, in the order in which they are written."""

    planned: PlannedCluster
    instances: list[InstanceOutcome]

    @property
    def title(self) -> str:
        """The cluster's name for people; "" if the runtime defines none."""
        return self.planned.way.cluster.name


@dataclass(slots=True)
class FleetOutcome:
    """The whole run. `verb` is apply or delete. `problems` is empty if it ended well."""

    verb: str
    clusters: list[ClusterOutcome]
    is_dry_run: bool = False
    code: int = exits.DONE
    problems: list[str] = field(default_factory=list)

    def end(self, cluster: ClusterOutcome, instance: InstanceOutcome, end: End) -> bool:
        """Note how the instance has ended. Returns whether the run may go on."""
        is_well = end in {End.READY, End.PLANNED}
        instance.state = InstanceState.DONE if is_well else InstanceState.FAILED
        if not is_well:
            is_bad_input = end is End.REFUSED and not any(each.state is InstanceState.DONE for each in self._all())
            self.code = exits.REFUSED if is_bad_input else exits.FAILED
            where = cluster.planned.way.cluster.title
            self.problems = [f"{where}instance {instance.name}: {each}" for each in _reasons(instance.report)]
            self.note_unreached()
        return is_well

    def interrupt(self, by: Signals) -> None:
        """Note that this signal has ended the run."""
        self.code = exits.BY_SIGNAL + by
        begun = [each for each in self._all() if each.state is not InstanceState.NOT_REACHED]
        left = "the same command continues" if begun and not self.is_dry_run else "nothing was written"
        self.problems = [f"interrupted by {by.name}: {left}"]
        self.note_unreached()

    def note_unreached(self) -> None:
        """Add the sentence about what the run has not reached, if there is anything."""
        if left := [*self._unreached()]:
            self.problems.append(f"not reached: {'; '.join(left)}")

    def _all(self) -> Iterator[InstanceOutcome]:
        return (instance for cluster in self.clusters for instance in cluster.instances)

    def _unreached(self) -> Iterator[str]:
        for cluster in self.clusters:
            names = [each.name for each in cluster.instances if each.state is InstanceState.NOT_REACHED]
            if names:
                where = f"{cluster.planned.way.cluster}: " if cluster.title else ""
                yield f"{where}instance{'s' if len(names) > 1 else ''} {', '.join(names)}"

    def sentence(self) -> str:
        """The sentence about a run that ended well."""
        counts = dict[str, int]()
        for target in self.report().targets:
            if isinstance(target.change, str):
                counts[target.change] = counts.get(target.change, 0) + 1
        changes = ", ".join(f"{number} {change}" for change, number in counts.items()) or "nothing to do"
        dry = " (dry-run: nothing was written)" if self.is_dry_run else ""
        names = [each.title for each in self.clusters if each.title]
        where = f" on {', '.join(names)}" if names else ""
        return f"bundle {self.clusters[0].planned.bundle}{where}: {changes}{dry}"

    def report(self) -> ReceivedReport:
        """One report of all clusters, as the job's summary shows it."""
        targets = tuple(each for cluster in self.clusters for each in _targets(cluster))
        clusters = tuple(ListedCluster(each.title) for each in self.clusters)
        state = "ready" if self.code == exits.DONE else "failed"
        return ReceivedReport(self.clusters[0].planned.bundle, state, clusters=clusters, targets=targets, final=True)

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        status = ("planned" if self.is_dry_run else "ok") if self.code == exits.DONE else "error"
        return _document(status, self.problems, [_cluster(each) for each in self.clusters])


def refusal(*problems: str) -> dict[str, Any]:
    """The JSON document of a run that did not begin."""
    return _document("error", problems, [])


def _document(status: str, problems: Sequence[str], clusters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"status": status, "problems": [plain(each) for each in problems], "clusters": clusters}


def _cluster(cluster: ClusterOutcome) -> dict[str, Any]:
    way = cluster.planned.way
    context = way.cluster.context or way.server.context
    named = {"name": way.cluster.name, "group": way.cluster.group, "context": context, "server": way.server.url}
    return {**named, "instances": [_instance(each) for each in cluster.instances]}


def _instance(instance: InstanceOutcome) -> dict[str, Any]:
    its, planned = instance.planned.instance, instance.planned
    module = {"url": f"oci://{its.module.url}", "version": its.module.version, "digest": planned.digest}
    report = msgspec.to_builtins(instance.report) if instance.report else None
    named = {"name": its.name, "namespace": its.namespace, "module": module}
    return {**named, "state": instance.state.value, "report": report}


def _targets(cluster: ClusterOutcome) -> Iterator[ListedTarget]:
    for instance in cluster.instances:
        for each in instance.report.targets if instance.report else ():
            yield replace(each, cluster=cluster.title)


def _reasons(report: Document | None) -> list[str]:
    """Why the instance has failed: the reasons of its objects, else that of the whole and of one object."""
    if report is None:
        return ["it has failed"]
    failed = [each for each in report.targets if each.state == "failed"]
    held = next((f"; {object_name(each)}: {each.reason}" for each in report.targets if each.reason), "")
    whole = [f"{each.reason}{held}" for each in report.clusters if each.reason]
    return [f"{object_name(each)}: {each.reason or 'failed'}" for each in failed] or whole or ["it has failed"]


def object_name(target: ListedTarget) -> str:
    """The object as Timoni names it: kind, namespace (if it has one), name."""
    return "/".join(filter(None, (target.kind, target.namespace, target.name)))
