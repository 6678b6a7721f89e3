"""The names of RukPak's API that krt reads and writes: kinds, labels, classes, annotations. Pure.

Source: operator-framework/rukpak v0.12, api/v1alpha1 and internal/util.
"""

from krt.core.kube.resource import Resource

GROUP = "core.rukpak.io"
BUNDLE = Resource(GROUP, "v1alpha1", "Bundle", "bundles", namespaced=False)
BUNDLE_DEPLOYMENT = Resource(GROUP, "v1alpha1", "BundleDeployment", "bundledeployments", namespaced=False)

PLAIN = "core-rukpak-io-plain"
REGISTRY = "core-rukpak-io-registry"
CLASSES = frozenset({PLAIN, REGISTRY})

OWNER_KIND = f"{GROUP}/owner-kind"  # labels of a Bundle and of every installed object
OWNER_NAME = f"{GROUP}/owner-name"

FINALIZER = "krt/objects"
ANNOUNCED = "krt/announced"  # annotations of a BundleDeployment: the id of the newest event that names its image
UNPACK = "krt/unpack"  # any new text: ask the source again
FORCE = "krt/force"  # "true": take fields over from other field managers
DELETE = "krt/delete"  # "everything": delete Namespaces and definitions even if they hold objects of others
