"""The controller of bundles: standbys watch Bundles and BundleDeployments, the leader also works."""

from collections import Counter
from dataclasses import dataclass

import trio
from prometheus_client import CollectorRegistry

from krt.backoff import Backoff
from krt.cluster.discovery import Discovery
from krt.cluster.reflect import reflect
from krt.cluster.transport import Transport
from krt.controller.bundles import Bundles
from krt.controller.deployment_statuses import DeploymentStatuses
from krt.controller.deployments import Deployments
from krt.controller.documents import Documents
from krt.controller.drift import DriftWatch
from krt.controller.installing import Installing
from krt.controller.lease import Leadership
from krt.controller.loops import Loops, Turns, keep_awake
from krt.controller.rukpak_active import active_rukpak
from krt.controller.settled import Settled
from krt.controller.stored import StoredSecrets
from krt.controller.unpacking import Fetches, Unpacking
from krt.core.kube.builtin import LEASE
from krt.core.rukpak.bundle import RukpakBundle, read_bundle
from krt.core.rukpak.bundle_deployment import BundleDeployment, read_bundle_deployment
from krt.core.rukpak.bundle_status import phase_of
from krt.core.rukpak.deployment_status import state_of
from krt.core.rukpak.names import BUNDLE, BUNDLE_DEPLOYMENT
from krt.errors import ClusterError, SettingsInvalid
from krt.logs import Log
from krt.metrics import ControllerMetrics

log = Log("controller")

LEASE_NAME = "krt-bundles"


@dataclass(frozen=True, slots=True)
class Reach:
    """How the controller reaches the cluster: `own` with its own rights, `deployer` in the name of the account that may
    install. `namespace` is the one that krt runs in.
    """

    own: Transport
    deployer: Transport
    namespace: str


class BundlesController:
    """The documents of a cluster, and the work of the leader on them."""

    def __init__(
        self,
        reach: Reach,
        fetches: Fetches,
        identity: str,
        *,
        deadline_seconds: float,
        metrics: ControllerMetrics | None = None,
    ) -> None:
        self._metrics = metrics or ControllerMetrics(CollectorRegistry())
        self.bundles = Documents(BUNDLE, read_bundle)
        self.deployments = Documents(BUNDLE_DEPLOYMENT, read_bundle_deployment)
        self.leadership = Leadership(reach.own, LEASE.key(reach.namespace, LEASE_NAME), identity)
        self.deployment_loops: Loops[str] | None = None
        self.drift: DriftWatch | None = None
        self._reach, self._fetches, self._deadline_seconds = reach, fetches, deadline_seconds

    async def run(self) -> None:
        """Watch, and work while this process leads. Never returns.

        Raises SettingsInvalid if a RukPak is active.
        """
        async with trio.open_nursery() as nursery:
            for documents in (self.bundles, self.deployments):
                nursery.start_soon(reflect, documents.scope, self._reach.own, documents)
            for documents in (self.bundles, self.deployments):
                await documents.scope.state.listed.wait()
            await self._refuse_rukpak()
            await self.leadership.lead(self._work)

    async def _refuse_rukpak(self) -> None:
        sign = await self._rukpak()
        if sign:
            problem = f"a RukPak is active in this cluster ({sign}): remove it before krt controller takes over"
            raise SettingsInvalid((problem,))

    async def _rukpak(self) -> str:
        """The sign of an active RukPak; "" if there is none."""
        async for _ in Backoff(first_seconds=0.5, most_seconds=30.0):
            try:
                return await active_rukpak(self._reach.own)
            except ClusterError as error:
                log.warning("rukpak_not_looked_for", problem=error)
        raise AssertionError("a backoff does not end")

    def problems(self) -> tuple[str, ...]:
        """Why the controller cannot do all of its work at present, a sentence each."""
        scopes = (self.bundles.scope, self.deployments.scope)
        unseen = (f"{scope}: {scope.state.problem}" for scope in scopes if scope.state.problem)
        lease = (f"Lease: {self.leadership.problem}",) if self.leadership.problem else ()
        return (*unseen, *lease)

    def summary(self) -> str:
        """A few words about the state, for the page."""
        count = f"{sum(each.is_ours for each in self.deployments)} BundleDeployments"
        if not self.leadership.leads:
            return f"{count}; {self.leadership.holder or 'nobody'} leads"
        unseen = "; ".join(self.drift.problems()) if self.drift else ""
        return f"{count}; this one leads{f'; drift is not seen of {unseen}' if unseen else ''}"

    def is_settled(self, name: str) -> bool:
        """Whether this process leads, and the BundleDeployment is as it shall be, as far as is known."""
        return self.deployment_loops is not None and self.deployment_loops.is_settled(name)

    def retrying(self) -> int:
        """How many BundleDeployments wait for another attempt."""
        return self.deployment_loops.retrying if self.deployment_loops else 0

    def deployments_by_state(self) -> Counter[str]:
        """The number of BundleDeployments in each state."""
        return Counter(state_of(each) for each in self.deployments if each.is_ours)

    def bundles_by_phase(self) -> Counter[str]:
        """The number of Bundles in each phase."""
        return Counter(phase_of(each) or "Pending" for each in self.bundles if each.is_ours)

    async def _work(self) -> None:
        async with trio.open_nursery() as nursery:
            turns, reach = Turns(), self._reach
            self.drift = drift = DriftWatch(reach.deployer, self._stir)
            unpacking = Unpacking(self._fetches, StoredSecrets(reach.own, reach.namespace), reach.own, self.bundles)
            statuses = DeploymentStatuses(reach.own, self.deployments)
            installing = Installing(reach.deployer, reach.own, reach.namespace, self._deadline_seconds, drift, turns)
            settled = Settled(
                reach.own,
                reach.deployer,
                Discovery(reach.deployer),
                reach.namespace,
                self.bundles,
                unpacking,
                installing,
                drift,
                statuses,
                self._metrics,
            )
            deployments = Deployments(
                reach.own, self.deployments, self.bundles, unpacking, installing, settled, statuses, self._metrics
            )
            bundles = Bundles(self.bundles, unpacking)
            self.deployment_loops = loops = Loops(
                "BundleDeployment", nursery, turns, deployments.reconcile, deployments.repair
            )
            bundle_loops = Loops("Bundle", nursery, turns, bundles.reconcile)
            await nursery.start(drift.watch)
            stop = (
                keep_awake(loops, self.deployments, _wish_of_deployment),
                keep_awake(bundle_loops, self.bundles, _wish_of_bundle),
                self.bundles.listen(self._bundle_gone),
            )
            try:
                await trio.sleep_forever()
            finally:
                self.drift = self.deployment_loops = None
                for each in stop:
                    each()

    def _stir(self, name: str) -> None:
        if self.deployment_loops:
            self.deployment_loops.stir(name)

    def _bundle_gone(self, _: str, before: RukpakBundle | None, after: RukpakBundle | None) -> None:
        """The Bundle of a deployment that somebody has deleted is made anew."""
        if before and after is None and before.owner_name:
            self._stir(before.owner_name)


def _wish_of_deployment(deployment: BundleDeployment) -> object:
    return deployment.wish


def _wish_of_bundle(bundle: RukpakBundle) -> object:
    return (bundle.uid, bundle.generation, bundle.is_terminating)
