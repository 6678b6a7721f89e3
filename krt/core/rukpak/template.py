"""The Bundle that a BundleDeployment generates from its template. Pure.

The name has the hash of the template: another template gives another Bundle, and the same template the same Bundle.
"""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from krt.core.kube.fields import mapping_at, texts_at
from krt.core.kube.manifest import Manifest, read_manifest
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.names import BUNDLE, BUNDLE_DEPLOYMENT, OWNER_KIND, OWNER_NAME

# A BundleDeployment's name has up to 45 characters, so a Bundle's has up to 52. 27^6 is 387 million hashes.
_HASH_CHARACTERS = 6
# The alphabet of Kubernetes for such names: without vowels no words arise (k8s.io/apimachinery, pkg/util/rand).
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_canonical = msgspec.json.Encoder(order="sorted")


def bundle_name(deployment: BundleDeployment) -> str:
    """The name of the Bundle that the template stands for."""
    return f"{deployment.name}-{_hash(deployment.template)}"


def bundle_of(deployment: BundleDeployment) -> Manifest:
    """The Bundle as krt creates it: with the template's labels, annotations and spec, and owned by the deployment."""
    template = deployment.template
    owner = {
        "apiVersion": BUNDLE_DEPLOYMENT.api_version,
        "kind": BUNDLE_DEPLOYMENT.kind,
        "name": deployment.name,
        "uid": deployment.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {
        "name": bundle_name(deployment),
        "labels": {**texts_at(template, "metadata", "labels"), **owner_labels(deployment.name)},
        "annotations": dict(texts_at(template, "metadata", "annotations")),
        "ownerReferences": [owner],
    }
    body = {
        "apiVersion": BUNDLE.api_version,
        "kind": BUNDLE.kind,
        "metadata": metadata,
        "spec": dict(mapping_at(template, "spec")),
    }
    return read_manifest(body)


def owner_labels(name: str) -> dict[str, str]:
    """The labels that name the BundleDeployment, on its Bundles and on each object that it installs."""
    return {OWNER_KIND: BUNDLE_DEPLOYMENT.kind, OWNER_NAME: name}


def installed(manifest: Manifest, name: str) -> Manifest:
    """A copy of the manifest with the labels that name the BundleDeployment `name`."""
    metadata = mapping_at(manifest.body, "metadata")
    labels = {**texts_at(metadata, "labels"), **owner_labels(name)}
    body = {**manifest.body, "metadata": {**metadata, "labels": labels}}
    return Manifest(manifest.group, manifest.version, manifest.kind, manifest.namespace, manifest.name, body)


def _hash(template: Mapping[str, object]) -> str:
    meaning = {
        "labels": texts_at(template, "metadata", "labels"),
        "annotations": texts_at(template, "metadata", "annotations"),
        "spec": mapping_at(template, "spec"),
    }
    number = int.from_bytes(sha256(_canonical.encode(meaning)).digest())
    found = []
    for _ in range(_HASH_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        found.append(_ALPHABET[digit])
    return "".join(found)
