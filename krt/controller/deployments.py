"""Reconciles a BundleDeployment: its Bundle, the pivot to new content, and in between the repair of what is installed.

Only three things make krt ask a tag or branch again: a new template, an announcement, and the annotation krt/unpack.
At any other time krt takes the content that a status names, however often it is restarted.
"""

from dataclasses import dataclass, field

from krt.cluster import objects
from krt.cluster.object_errors import AlreadyThere
from krt.cluster.transport import Transport
from krt.controller.deployment_statuses import DeploymentStatuses
from krt.controller.documents import Documents
from krt.controller.installing import Installation, InstallEnd, Installing
from krt.controller.loops import Next
from krt.controller.settled import Settled
from krt.controller.unpacking import Content, UnpackFailed, Unpacking
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.rukpak import deployment_status
from krt.core.rukpak.bundle import RukpakBundle
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.conditions import resolved_source
from krt.core.rukpak.names import BUNDLE, BUNDLE_DEPLOYMENT, CLASSES, FINALIZER
from krt.core.rukpak.template import bundle_name, bundle_of
from krt.delivery.progress import Progress
from krt.errors import Conflict, NotThere
from krt.logs import Log
from krt.metrics import ControllerMetrics
from krt.sources.errors import SourceUnavailable

log = Log("controller")


@dataclass(frozen=True, slots=True)
class Deployments:
    """The BundleDeployments of a cluster. `transport` writes them and their Bundles."""

    transport: Transport
    deployments: Documents[BundleDeployment]
    bundles: Documents[RukpakBundle]
    unpacking: Unpacking
    installing: Installing
    settled: Settled
    statuses: DeploymentStatuses
    metrics: ControllerMetrics
    _mixed: set[str] = field(default_factory=set)  # names of those that have objects of a version that is not active

    async def reconcile(self, name: str) -> Next:
        """Bring the deployment one run further. Raises ClusterError and SourceUnavailable."""
        deployment = self.deployments.get(name)
        if deployment and deployment.is_terminating and deployment.has_finalizer:
            return await self._remove(deployment)
        if deployment is None or deployment.is_terminating or not deployment.is_ours:
            self._forget(name)
            return Next.END
        if not deployment.has_finalizer:
            deployment = await self._patch(deployment, finalizers=(*deployment.finalizers, FINALIZER))
        bundle = await self._bundle(deployment)
        if problem := _foreign(deployment, bundle):
            said = deployment_status.unpack_failed(bundle.name, problem)
            await self.statuses.say(deployment, said, **_ended(deployment))
            await self.repair(name)
            return Next.RETRY
        if self._is_settled(deployment, bundle):
            return await self.settled.keep(deployment)
        return await self._pivot(deployment, bundle)

    async def repair(self, name: str) -> Next:
        """Put the objects of the active version right, while the next attempt at a newer one waits."""
        deployment = self.deployments.get(name)
        if deployment is None or deployment.is_terminating or not deployment.is_ours or name in self._mixed:
            return Next.RETRY
        return await self.settled.repair(deployment)

    async def _pivot(self, deployment: BundleDeployment, bundle: RukpakBundle) -> Next:
        try:
            content = await self.unpacking.unpack(bundle, self._pinned(deployment, bundle))
        except UnpackFailed as error:
            await self.statuses.say(
                deployment, deployment_status.unpack_failed(bundle.name, str(error)), **_ended(deployment)
            )
            await self.repair(deployment.name)
            return Next.RETRY if not self._is_settled(self.statuses.newest(deployment), bundle) else Next.LOOK
        except SourceUnavailable as error:
            await self.statuses.say(deployment, deployment_status.unpack_pending(bundle.name, str(error)))
            await self.repair(deployment.name)
            raise
        if await self._is_done(deployment, bundle, content):
            await self.statuses.say(deployment, deployment_status.valid(bundle.name), **_ended(deployment))
            return await self.settled.keep(self.statuses.newest(deployment))
        return await self._install(deployment, bundle, content)

    async def _install(self, deployment: BundleDeployment, bundle: RukpakBundle, content: Content) -> Next:
        source = resolved_source(bundle.source, content.resolved)
        active = {
            "activeBundle": bundle.name,
            "activeProvisionerClassName": bundle.provisioner,
            "resolvedSource": source,
            "contentURL": content.content_url,
        }

        async def activate(_: Progress) -> str:
            await self.statuses.say(deployment, deployment_status.installed_well(bundle.name), **active)
            return ""

        ended = await self.installing.install(deployment, content.manifests, activate)
        log.info(
            "bundle_installed", name=deployment.name, bundle=bundle.name, end=ended.end.name, problem=ended.problem
        )
        self.metrics.install_ended(ended.end.name.lower())
        if ended.end is InstallEnd.READY:
            self._mixed.discard(deployment.name)
            await self._delete_old_bundles(deployment, bundle)
            await self.statuses.say(
                deployment, deployment_status.installed_well(bundle.name), **active, **_ended(deployment)
            )
            return Next.LOOK
        await self.statuses.say(deployment, _conditions(deployment, bundle, ended), **_ended(deployment))
        if ended.end is not InstallEnd.UNTOUCHED:
            self._mixed.add(deployment.name)
        await self.repair(deployment.name)
        return Next.RETRY

    async def _remove(self, deployment: BundleDeployment) -> Next:
        ended = await self.installing.remove(deployment)
        if ended.end is not InstallEnd.READY:
            await self.statuses.say(deployment, deployment_status.not_removed(ended.problem))
            return Next.RETRY
        self._forget(deployment.name)
        await self._delete_old_bundles(deployment, None)
        left = tuple(each for each in deployment.finalizers if each != FINALIZER)
        await self._patch(self.statuses.newest(deployment), finalizers=left)
        log.info("objects_removed", name=deployment.name)
        return Next.END

    def _forget(self, name: str) -> None:
        self.settled.forget(name)
        self._mixed.discard(name)

    def _is_settled(self, deployment: BundleDeployment, bundle: RukpakBundle) -> bool:
        """Whether the wanted content is installed, and nothing of an earlier pivot is left to do."""
        is_asked = deployment.is_asked or self._old_bundles(deployment, bundle)
        return not is_asked and deployment_status.is_installed(deployment) and self._is_active(deployment, bundle)

    def _is_active(self, deployment: BundleDeployment, bundle: RukpakBundle) -> bool:
        return deployment.active_bundle == bundle.name and bundle.content_url == deployment.content_url != ""

    def _has(self, deployment: BundleDeployment, bundle: RukpakBundle, content: Content) -> bool:
        """Whether exactly this content is installed."""
        is_same = (deployment.active_bundle, deployment.content_url) == (bundle.name, content.content_url)
        return is_same and deployment_status.is_installed(deployment)

    async def _is_done(self, deployment: BundleDeployment, bundle: RukpakBundle, content: Content) -> bool:
        """Whether exactly this content is installed, and nothing of an older one is left to prune."""
        if not self._has(deployment, bundle, content) or self._old_bundles(deployment, bundle):
            return False
        return await self.settled.holds_only(deployment, {manifest.key for manifest in content.manifests})

    def _pinned(self, deployment: BundleDeployment, bundle: RukpakBundle) -> str:
        """The content to fetch; "" asks the source. A Bundle that was made anew has no content in its status."""
        if deployment.is_asked:
            return ""
        of_active = deployment.active_content if deployment.active_bundle == bundle.name else ""
        return bundle.pinned or of_active

    async def _bundle(self, deployment: BundleDeployment) -> RukpakBundle:
        """The Bundle of the template, created if it is missing. It may be somebody else's."""
        found = self.bundles.get(bundle_name(deployment))
        if found is None or found.is_terminating:
            manifest = bundle_of(deployment)
            try:
                body = await objects.create(self.transport, BUNDLE, manifest.key, manifest.body, manager=FIELD_MANAGER)
            except AlreadyThere:
                body = await objects.read(self.transport, BUNDLE, manifest.key)
            found = self.bundles.take(body, is_new=True)
        return found

    def _old_bundles(self, deployment: BundleDeployment, bundle: RukpakBundle | None) -> tuple[RukpakBundle, ...]:
        own = (each for each in self.bundles if each.owner == deployment.uid and not each.is_terminating)
        return tuple(each for each in own if bundle is None or each.name != bundle.name)

    async def _delete_old_bundles(self, deployment: BundleDeployment, bundle: RukpakBundle | None) -> None:
        for each in self._old_bundles(deployment, bundle):
            key = BUNDLE.key("", each.name)
            try:
                await objects.delete(self.transport, BUNDLE, key, uid=each.uid)
            except (NotThere, Conflict):
                log.info("bundle_gone_already", bundle=each.name)
            self.bundles.remove(key)

    async def _patch(self, deployment: BundleDeployment, *, finalizers: tuple[str, ...]) -> BundleDeployment:
        metadata = {"resourceVersion": deployment.version, "uid": deployment.uid, "finalizers": list(finalizers)}
        key = BUNDLE_DEPLOYMENT.key("", deployment.name)
        try:
            body = await objects.merge(
                self.transport, BUNDLE_DEPLOYMENT, key, {"metadata": metadata}, manager=FIELD_MANAGER
            )
        except NotThere:
            return deployment  # it went with its last finalizer
        return self.deployments.take(body)


def _foreign(deployment: BundleDeployment, bundle: RukpakBundle) -> str:
    """Why krt must not unpack this Bundle; "" if it may."""
    if bundle.owner != deployment.uid:
        return f"Bundle {bundle.name} exists, and is not that of this BundleDeployment"
    if bundle.provisioner not in CLASSES:
        return f"{bundle.provisioner} is none of krt's classes, which are {', '.join(sorted(CLASSES))}"
    return ""


def _ended(deployment: BundleDeployment) -> dict[str, str]:
    """The fields that say which announcement and which wish were handled: those that the run began with."""
    said = {"handled": deployment.announced, "unpacked": deployment.unpack}
    return {name: value for name, value in said.items() if value}


def _conditions(deployment: BundleDeployment, bundle: RukpakBundle, ended: Installation) -> deployment_status.Stated:
    if ended.end is InstallEnd.UNHEALTHY:
        return deployment_status.installed_but_unhealthy(bundle.name, ended.problem)
    return deployment_status.not_installed(deployment, bundle.name, ended.problem)
