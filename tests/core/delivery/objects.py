"""Objects for the tests of delivery, written as people speak of them: `Deployment.apps shop/web`."""

from typing import Any

from krt.core.kube.manifest import Manifest, read_manifest
from krt.core.kube.object_key import ObjectKey


def key_of(spelled: str) -> ObjectKey:
    """KIND[.GROUP] [NAMESPACE/]NAME."""
    kind, place = spelled.split(" ")
    kind, _, group = kind.partition(".")
    namespace, _, name = place.rpartition("/")
    return ObjectKey(group, kind, namespace, name)


def manifest_of(spelled: str, **fields: Any) -> Manifest:
    """The object of that key, with these fields beside its metadata."""
    group, kind, namespace, name = key_of(spelled)
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    version = f"{group}/v1" if group else "v1"
    return read_manifest({"apiVersion": version, "kind": kind, "metadata": metadata, **fields})
