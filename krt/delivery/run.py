"""A run: the parts that all steps of one delivery or removal share, and the Namespaces that it may create."""

from dataclasses import dataclass, field

from krt.cluster import objects
from krt.cluster.discovery import Discovery
from krt.cluster.object_errors import AlreadyThere
from krt.cluster.transport import Transport
from krt.core.delivery.ownership import Owner
from krt.core.kube.manifest import Manifest
from krt.core.kube.resource import NAMESPACE
from krt.delivery.progress import Progress
from krt.delivery.step import Step
from krt.delivery.stored_inventory import StoredInventory
from krt.errors import ClusterDenied


@dataclass(frozen=True, slots=True)
class Run:
    """`ensured` has the Namespaces that krt creates if missing, by name; `steps` has the steps of a delivery."""

    transport: Transport
    owner: Owner
    progress: Progress
    inventory: StoredInventory
    discovery: Discovery
    ensured: dict[str, Manifest] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    async def ensure(self, namespace: str) -> bool:
        """Create the Namespace if it is one of `ensured`. Returns whether a call that needs it may succeed now."""
        manifest = self.ensured.pop(namespace, None)
        if manifest is None:
            return False
        try:
            manager = self.owner.field_manager
            await objects.create(self.transport, NAMESPACE, manifest.key, manifest.body, manager=manager)
        except AlreadyThere:
            return True
        except ClusterDenied:  # krt may have rights only inside it: the next call shows whether it exists
            return True
        return True
