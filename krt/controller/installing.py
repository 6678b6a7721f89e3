"""Installs the objects of a bundle for a BundleDeployment, and says in one word and one sentence how that ended."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from krt.cluster.transport import Transport
from krt.controller.drift import DriftWatch
from krt.controller.loops import Turns
from krt.core.delivery.pruning import Extent
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report_document import Document
from krt.core.report.target import TargetState
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.owner import owner_of
from krt.core.rukpak.template import installed
from krt.delivery.deliver import deliver
from krt.delivery.destroy import destroy
from krt.delivery.order import Delivery, DeliveryResult, End, Removal
from krt.delivery.progress import Progress

# Called when all objects are applied and ready, before any is pruned. Returns why the delivery must not go on, or "".
BeforePruning = Callable[[Progress], Awaitable[str]]


class InstallEnd(Enum):
    """READY: all is done. UNTOUCHED: nothing was written. STOPPED: some objects were. UNHEALTHY: all were applied."""

    READY = auto()
    UNTOUCHED = auto()
    STOPPED = auto()
    UNHEALTHY = auto()


@dataclass(frozen=True, slots=True)
class Installation:
    """The end, and the sentence for the condition, "" if all went well."""

    end: InstallEnd
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Installing:
    """`deployer` applies the objects in the name of the account that may; `records` keeps the inventories.

    `namespace` is the one that krt runs in.
    """

    deployer: Transport
    records: Transport
    namespace: str
    deadline_seconds: float
    drift: DriftWatch
    turns: Turns

    async def install(
        self, deployment: BundleDeployment, manifests: tuple[Manifest, ...], before_pruning: BeforePruning
    ) -> Installation:
        """Make the objects of the deployment these. Old ones go when the new ones are ready."""
        order = replace(self._order(deployment, manifests), before_pruning=before_pruning)
        return _ended(await self._deliver(deployment, order))

    async def repair(
        self, deployment: BundleDeployment, manifests: tuple[Manifest, ...], keys: tuple[ObjectKey, ...]
    ) -> Installation:
        """Apply these objects again. Nothing is waited for and nothing pruned."""
        drifted = tuple(manifest for manifest in manifests if manifest.key in keys)
        order = replace(self._order(deployment, drifted), waits=False, prunes=False)
        return _ended(await self._deliver(deployment, order))

    async def remove(self, deployment: BundleDeployment) -> Installation:
        """Delete the objects of the deployment in the reverse order. Objects that somebody made anew stay."""
        order = Removal(
            owner_of(deployment.name),
            self.namespace,
            timeout_seconds=self.deadline_seconds,
            extent=Extent.EVERYTHING if deployment.deletes_everything else Extent.ALL,
            own_namespace=self.namespace,
        )
        result = await destroy(self.deployer, order, _unseen, records=self.records)
        return _ended(result)

    async def _deliver(self, deployment: BundleDeployment, order: Delivery) -> DeliveryResult:
        result = await deliver(self.deployer, order, _unseen, records=self.records)
        self.drift.note(deployment.name, result.inventory, result.versions)
        return result

    def _order(self, deployment: BundleDeployment, manifests: tuple[Manifest, ...]) -> Delivery:
        return Delivery(
            owner_of(deployment.name),
            tuple(installed(manifest, deployment.name) for manifest in manifests),
            self.namespace,
            timeout_seconds=self.deadline_seconds,
            is_forced=deployment.is_forced,
            forces_own=True,
            is_living=bool,  # each owner that a label names: krt cannot tell whether one of another kind is gone
            own_namespace=self.namespace,
            waiting=self.turns.given_away,
        )


def _unseen(_: Document) -> None:
    """Nobody looks at the report while the delivery goes on: the conditions tell its end."""


def _ended(result: DeliveryResult) -> Installation:
    if result.end is End.READY:
        return Installation(InstallEnd.READY)
    if result.end in {End.REFUSED, End.DENIED}:
        return Installation(InstallEnd.UNTOUCHED, problem_of(result.report))
    end = InstallEnd.UNHEALTHY if result.is_applied else InstallEnd.STOPPED
    return Installation(end, problem_of(result.report))


def problem_of(report: Document) -> str:
    """The sentence for a condition: the first object that failed, how many more did, else what ended the delivery."""
    failed = [each for each in report.targets if each.state == TargetState.FAILED]
    if not failed:
        return str(report.clusters[0].reason or "it failed without a reason")
    first = failed[0]
    name = f"{first.namespace}/{first.name}" if first.namespace else first.name
    more = f"; {len(failed) - 1} more objects have failed" if len(failed) > 1 else ""
    return f"{first.kind} {name}: {first.reason or 'it failed without a reason'}{more}"
