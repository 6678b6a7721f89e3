"""Reconciles a Bundle that stands alone: it is unpacked once, and its status says with which content.

The Bundle of a BundleDeployment is unpacked by that one's run, so that a tag is asked only when it may move.
"""

from dataclasses import dataclass

from krt.controller.documents import Documents
from krt.controller.loops import Next
from krt.controller.unpacking import UnpackFailed, Unpacking
from krt.core.rukpak.bundle import RukpakBundle
from krt.core.rukpak.bundle_status import Phase, phase_of


@dataclass(frozen=True, slots=True)
class Bundles:
    """The Bundles of a cluster."""

    bundles: Documents[RukpakBundle]
    unpacking: Unpacking

    async def reconcile(self, name: str) -> Next:
        """Unpack the Bundle, unless it is. Raises ClusterError and SourceUnavailable."""
        bundle = self.bundles.get(name)
        if bundle is None or not bundle.is_ours or bundle.owner:
            return Next.END
        if phase_of(bundle) == Phase.UNPACKED:
            return Next.LOOK
        try:
            await self.unpacking.unpack(bundle, bundle.pinned)
        except UnpackFailed:
            return Next.RETRY
        return Next.LOOK
