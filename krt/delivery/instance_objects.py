"""The port by which a module, plain or a CUE program, gives the objects of an instance."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from krt.core.fleet.bundle import Instance
from krt.core.fleet.cue_module import is_cue_module, name_of_module
from krt.core.fleet.plain_module import plain_objects
from krt.core.kube.manifest import Manifest
from krt.delivery.cue_build import cue_objects
from krt.delivery.cue_program import CueProgram
from krt.delivery.module_pull import PulledModule


@dataclass(frozen=True, slots=True)
class InstanceObjects:
    """The objects of an instance on one cluster.

    `module` and `version` name the module for people. The objects of a step are ready before those of the next step are
    applied.
    """

    module: str
    steps: tuple[tuple[Manifest, ...], ...]
    version: str = ""


# Called with an instance, the files of its module, and the Kubernetes version of the cluster, such as "1.36.3" ("" if
# no cluster was asked). Raises FleetInvalid.
ObjectsOfInstance = Callable[[Instance, PulledModule, str], Awaitable[InstanceObjects]]


async def objects_of_instance(
    instance: Instance, module: PulledModule, kube_version: str, *, program: CueProgram | None = None
) -> InstanceObjects:
    """The objects of an instance, by any kind of module that krt can build. Raises FleetInvalid.

    `program` is `cue`, which CUE modules need.
    """
    version = module.version or instance.module.version or module.digest
    if is_cue_module(module.tree):
        steps = await cue_objects(instance, module, kube_version, program)
        return InstanceObjects(name_of_module(module.tree) or instance.module.url, steps, version)
    return InstanceObjects(instance.module.url, (plain_objects(instance, module.tree),), version)
