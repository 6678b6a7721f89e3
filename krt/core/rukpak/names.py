"""The names of RukPak's API that krt reads and writes: kinds, labels, classes, annotations. Pure.

Source: operator-framework/rukpak v0.12, api/v1alpha1 and internal/util.
"""

from krt.core.kube.resource import Resource
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.kube.workload import ANNOUNCED

GROUP = BUNDLE_DEPLOYMENT.group
BUNDLE = Resource(GROUP, "v1alpha1", "Bundle", "bundles", namespaced=False)

PLAIN = "core-rukpak-io-plain"
REGISTRY = "core-rukpak-io-registry"
CLASSES = frozenset({PLAIN, REGISTRY})

OWNER_KIND = f"{GROUP}/owner-kind"  # labels of a Bundle and of every installed object
OWNER_NAME = f"{GROUP}/owner-name"

FINALIZER = "krt/objects"
# Annotations of a BundleDeployment.
UNPACK = "krt/unpack"  # any new text: ask the source again
FORCE = "krt/force"  # "true": take fields over from other field managers
DELETE = "krt/delete"  # "everything": delete Namespaces and definitions even if they hold objects of others

__all__ = [
    "ANNOUNCED",
    "BUNDLE",
    "BUNDLE_DEPLOYMENT",
    "CLASSES",
    "DELETE",
    "FINALIZER",
    "FORCE",
    "GROUP",
    "OWNER_KIND",
    "OWNER_NAME",
    "PLAIN",
    "REGISTRY",
    "UNPACK",
]
