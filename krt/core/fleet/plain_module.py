"""The objects of an instance whose module is a plain bundle: its manifests, in the instance's namespace. Pure."""

from krt.core.bundle.plain import FOLDER, objects_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.fleet.bundle import Instance
from krt.core.fleet.placing import placed
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.manifest import Manifest


def plain_objects(instance: Instance, tree: FileTree) -> tuple[Manifest, ...]:
    """The objects of the module's files for this instance. Raises FleetInvalid.

    An object without a namespace gets that of the instance, if its kind has namespaces. For a custom kind, the
    definition in the same module tells.
    """
    where = f"bundle.instances.{instance.name}: module oci://{instance.module.url}"
    if not tree.has_folder(FOLDER):
        raise FleetInvalid(f"{where} has no folder {FOLDER}, and no cue.mod/module.cue")
    if instance.values:
        raise FleetInvalid(f"{where} is a plain bundle, which takes no values: leave out values")
    try:
        return placed(objects_of(tree), instance.namespace)
    except BundleInvalid as error:
        raise FleetInvalid(f"{where}: {error}") from None
