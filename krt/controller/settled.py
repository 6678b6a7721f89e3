"""Keeps a BundleDeployment whose wanted content is installed: repairs drift, and tells whether its objects are healthy.

It sends nothing while nothing changes.
"""

from dataclasses import dataclass, field
from functools import partial

from krt.cluster import objects
from krt.cluster.discovery import Discovery
from krt.cluster.transport import Transport
from krt.controller.deployment_statuses import DeploymentStatuses
from krt.controller.documents import Documents
from krt.controller.drift import DriftWatch
from krt.controller.fights import Fights
from krt.controller.installing import InstallEnd, Installing
from krt.controller.loops import Next
from krt.controller.unpacking import UnpackFailed, Unpacking
from krt.core.delivery.owned_fields import other_manager
from krt.core.kube.kstatus import status_of
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_status import ObjectState, ObjectStatus
from krt.core.rukpak import deployment_status
from krt.core.rukpak.bundle import RukpakBundle
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.bundle_status import Phase, phase_of
from krt.core.rukpak.owner import owner_of
from krt.core.rukpak.template import bundle_name
from krt.delivery.at_once import MOST_AT_ONCE, each
from krt.delivery.errors import NotDelivered
from krt.delivery.stored_inventory import StoredInventory
from krt.errors import NotThere
from krt.logs import Log
from krt.metrics import ControllerMetrics
from krt.sources.errors import SourceUnavailable

log = Log("controller")

# Kinds without a status that could be anything but ready: krt does not read them to judge their health.
_STATIC = {
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("networking.k8s.io", "NetworkPolicy"),
}


@dataclass(frozen=True, slots=True)
class Settled:
    """`transport` reads inventories; `deployer` reads the installed objects."""

    transport: Transport
    deployer: Transport
    discovery: Discovery
    namespace: str
    bundles: Documents[RukpakBundle]
    unpacking: Unpacking
    installing: Installing
    drift: DriftWatch
    statuses: DeploymentStatuses
    metrics: ControllerMetrics
    fights: Fights = field(default_factory=Fights)
    _health: dict[str, dict[ObjectKey, ObjectStatus]] = field(default_factory=dict)

    async def keep(self, deployment: BundleDeployment) -> Next:
        """Put right what has changed, and say whether the objects are ready."""
        following = await self.repair(deployment)
        await self._judge(deployment)
        return following

    async def repair(self, deployment: BundleDeployment) -> Next:
        """Apply the drifted objects of the active content again."""
        name = deployment.name
        await self._load(deployment)
        if not deployment.active_bundle or not (drifted := self.drift.drifted(name)):
            return Next.LOOK
        keys = tuple(key for key in drifted if self.fights.may_repair(name, key))
        if not keys:
            return Next.RETRY
        log.info("drift_found", name=name, objects=len(keys), first=keys[0])
        self.fights.note(name, keys)
        return await self._repair(deployment, keys)

    async def _repair(self, deployment: BundleDeployment, keys: tuple[ObjectKey, ...]) -> Next:
        bundle = deployment.active_bundle
        try:
            content = await self._active_content(deployment)
        except UnpackFailed as error:
            await self.statuses.say(deployment, deployment_status.unpack_failed(bundle, str(error)))
            return Next.RETRY
        except SourceUnavailable as error:
            await self.statuses.say(deployment, deployment_status.unpack_pending(bundle, str(error)))
            raise
        ended = await self.installing.repair(deployment, content, keys)
        self.metrics.repaired(len(keys))
        if ended.end is not InstallEnd.READY:
            await self.statuses.say(deployment, deployment_status.not_installed(deployment, bundle, ended.problem))
            return Next.RETRY
        wanted = self.bundles.get(bundle_name(deployment))
        if wanted and wanted.name == bundle and phase_of(wanted) == Phase.UNPACKED:
            await self.statuses.say(deployment, deployment_status.valid(bundle))
        return Next.RETRY if self.fights.fought(deployment.name) else Next.LOOK

    async def holds_only(self, deployment: BundleDeployment, wanted: set[ObjectKey]) -> bool:
        """Whether the inventory has no object but the wanted ones: a pivot that was cut off leaves others there."""
        await self._load(deployment)
        return self.drift.knows(deployment.name) and not self.drift.inventory(deployment.name).beside(wanted)

    def forget(self, name: str) -> None:
        """The BundleDeployment is gone, or none of krt's."""
        self.drift.forget(name)
        self._health.pop(name, None)

    async def _load(self, deployment: BundleDeployment) -> None:
        if self.drift.knows(deployment.name):
            return
        inventory = StoredInventory(self.transport, owner_of(deployment.name), self.namespace)
        try:
            await inventory.load()
        except NotDelivered as error:
            log.warning("inventory_unreadable", name=deployment.name, problem=error)
            return
        self.drift.note(deployment.name, inventory.now, {})

    async def _active_content(self, deployment: BundleDeployment) -> tuple[Manifest, ...]:
        """By the status alone: somebody may have deleted the active Bundle."""
        source, provisioner = deployment.status.get("resolvedSource"), deployment.active_provisioner
        return (await self.unpacking.read(source, provisioner, deployment.active_content)).manifests

    async def _judge(self, deployment: BundleDeployment) -> None:
        health = self._health.setdefault(deployment.name, {})
        changed = {key for key in self.drift.take_changed(deployment.name) if key[:2] not in _STATIC}
        await each(sorted(changed), partial(self._look, health), most=MOST_AT_ONCE)
        keys = {entry.key for entry in self.drift.inventory(deployment.name).entries} if changed else set()
        for key in [key for key in health if changed and key not in keys]:
            del health[key]
        sick = [f"{key}: {said.reason or said.state}" for key, said in sorted(health.items()) if _is_sick(said)]
        problems = [*[await self._fight(deployment, key) for key in self.fights.fought(deployment.name)], *sick]
        more = f"; {len(problems) - 1} more objects are not ready" if len(problems) > 1 else ""
        said = deployment_status.unhealthy(problems[0] + more) if problems else deployment_status.healthy()
        watched = deployment_status.drift_watched(deployment, self.drift.unseen(deployment.name))
        await self.statuses.say(deployment, (said, *watched))

    async def _fight(self, deployment: BundleDeployment, key: ObjectKey) -> str:
        """The sentence about an object that somebody changes again and again."""
        try:
            resource = await self.discovery.find(key.group, key.kind)
            live = await objects.read(self.deployer, resource, key)
        except NotThere:
            return f"{key}: somebody deletes it again and again"
        return f'{key}: "{other_manager(live, owner_of(deployment.name))}" changes it again and again'

    async def _look(self, health: dict[ObjectKey, ObjectStatus], key: ObjectKey) -> bool:
        try:
            resource = await self.discovery.find(key.group, key.kind)
            health[key] = status_of(await objects.read(self.deployer, resource, key))
        except NotThere:
            health.pop(key, None)  # the watch tells, and it is put right
        return True


def _is_sick(status: ObjectStatus) -> bool:
    return status.state is not ObjectState.CURRENT
