"""The port by which a module gives the objects of an instance. A plain module gives its manifests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from krt.core.fleet.bundle import Instance
from krt.core.fleet.plain_module import plain_objects
from krt.core.kube.manifest import Manifest
from krt.delivery.module_pull import PulledModule


@dataclass(frozen=True, slots=True)
class InstanceObjects:
    """The objects of an instance on one cluster.

    `module` is the module's name for people. The objects of a step are ready before those of the next step are applied.
    """

    module: str
    steps: tuple[tuple[Manifest, ...], ...]


# Called with an instance, the files of its module, and the Kubernetes version of the cluster, such as "1.36.3" ("" if
# no cluster was asked). Raises FleetInvalid.
ObjectsOfInstance = Callable[[Instance, PulledModule, str], Awaitable[InstanceObjects]]


async def objects_of_instance(instance: Instance, module: PulledModule, kube_version: str) -> InstanceObjects:  # noqa: ARG001 - a CUE module depends on it
    """The objects of an instance, by any kind of module that krt can build. Raises FleetInvalid."""
    return InstanceObjects(instance.module.url, (plain_objects(instance, module.tree),))
