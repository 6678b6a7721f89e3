"""Writes the conditions of BundleDeployments, at the newest version that is known."""

from dataclasses import dataclass
from typing import Any

from krt.cluster.transport import Transport
from krt.controller.documents import Documents
from krt.controller.statuses import Now, wall_clock, write_status
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.conditions import with_conditions
from krt.core.rukpak.deployment_status import Stated


@dataclass(frozen=True, slots=True)
class DeploymentStatuses:
    """The status of the BundleDeployments of a cluster."""

    transport: Transport
    deployments: Documents[BundleDeployment]
    now: Now = wall_clock

    def newest(self, deployment: BundleDeployment) -> BundleDeployment:
        """The deployment as last seen."""
        return self.deployments.get(deployment.name) or deployment

    async def say(self, deployment: BundleDeployment, stated: Stated, **fields: Any) -> None:
        """Write the conditions, and these fields of the status, unless they are there. Raises ClusterError."""
        newest = self.newest(deployment)
        conditions = with_conditions(newest.status, stated, deployment.generation, self.now())
        await write_status(
            self.transport, self.deployments, newest, {**newest.status, **fields, "conditions": conditions}
        )
