"""The bundle format plain+v0: static Kubernetes manifests in one flat folder. Pure.

The rules, and the sentences of three refusals, are RukPak's (operator-framework/rukpak v0.12,
internal/provisioner/plain).
"""

from krt.core.bundle.manifest_files import manifests_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.kube.manifest import Manifest

FOLDER = "manifests"

_NO_FOLDER = f"readdir {FOLDER}: file does not exist"
_NOTHING = "found zero objects: plain+v0 bundles are required to contain at least one object"
_SUBFOLDER = f'subdirectories are not allowed within the "{FOLDER}" directory of the bundle image filesystem'


def objects_of(tree: FileTree) -> tuple[Manifest, ...]:
    """The objects of a plain bundle, sorted by file. Raises BundleInvalid.

    Files outside of the folder `manifests` are ignored.
    """
    found = objects_in_folder(tree)
    if not found:
        raise BundleInvalid(_NOTHING)
    return found


def objects_in_folder(tree: FileTree) -> tuple[Manifest, ...]:
    """The objects in the folder `manifests`, which has no folders. Raises BundleInvalid."""
    if not tree.has_folder(FOLDER):
        raise BundleInvalid(_NO_FOLDER)
    paths = [f"{FOLDER}/{name}" for name in tree.names_in(FOLDER)]
    for path in paths:
        if tree.is_folder(path):
            raise BundleInvalid(f'{_SUBFOLDER}: found "{path}"')
    return manifests_of((path, tree.files[path]) for path in paths)
