"""Krt's entries in the pod template of a Deployment: how they are named and recognised. Pure.

They are those that name the copy: `envFrom` entries whose Secret is the copy, the volume of krt's name that has the
copy, the mounts of this volume, and the stamp.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from krt.core.app_secrets.names import copy_name, stamp_name, volume_name
from krt.core.kube.fields import items_at, mapping_at, text_at, texts_at

TEMPLATE = ("spec", "template")
_CONTAINERS = ("containers", "initContainers")
_REST_DIGITS = 16
_canonical = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Entries:
    """The names of krt's entries for an App in a Deployment."""

    app: str
    deployment: str

    @property
    def copy(self) -> str:
        """The copy's name."""
        return copy_name(self.app, self.deployment)

    @property
    def volume(self) -> str:
        """The volume's name."""
        return volume_name(self.app, self.deployment)

    @property
    def stamp(self) -> str:
        """The annotation that has the stamp."""
        return stamp_name(self.app)

    def is_env(self, entry: Mapping[str, object]) -> bool:
        """Whether the entry of `envFrom` is krt's."""
        return text_at(entry, "secretRef", "name") == self.copy

    def is_volume(self, entry: Mapping[str, object]) -> bool:
        """Whether the entry of `volumes` is krt's."""
        return text_at(entry, "name") == self.volume and text_at(entry, "secret", "secretName") == self.copy

    def is_mount(self, entry: Mapping[str, object]) -> bool:
        """Whether the entry of `volumeMounts` is krt's, if the template has krt's volume."""
        return text_at(entry, "name") == self.volume


def has_volume(body: Mapping[str, object], entries: Entries) -> bool:
    """Whether the Deployment's template has krt's volume."""
    return any(map(entries.is_volume, items_at(body, *TEMPLATE, "spec", "volumes")))


def containers_of(body: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], Mapping[str, object]]]:
    """Each container and init container of the Deployment's template, with its path."""
    for kind in _CONTAINERS:
        for at, each in enumerate(items_at(body, *TEMPLATE, "spec", kind)):
            yield (*TEMPLATE, "spec", kind, str(at)), each


def rest_of(body: Mapping[str, object], entries: Entries) -> str:
    """A digest of the pod template without krt's entries: if it differs, others have written another template."""
    template = mapping_at(body, *TEMPLATE)
    spec = dict(mapping_at(template, "spec"))
    is_krts = has_volume(body, entries)
    for kind in _CONTAINERS:
        spec[kind] = [_bare(each, entries, is_krts) for each in items_at(spec, kind)]
    spec["volumes"] = [each for each in items_at(spec, "volumes") if not entries.is_volume(each)]
    annotations = {**texts_at(template, "metadata", "annotations")}
    annotations.pop(entries.stamp, None)
    labels = texts_at(template, "metadata", "labels")
    return sha256(_canonical.encode([spec, labels, annotations])).hexdigest()[:_REST_DIGITS]


def _bare(container: Mapping[str, object], entries: Entries, is_krts: bool) -> object:  # noqa: FBT001 - private
    mounts = items_at(container, "volumeMounts")
    kept = [each for each in mounts if not (is_krts and entries.is_mount(each))]
    envs = [each for each in items_at(container, "envFrom") if not entries.is_env(each)]
    return {**container, "envFrom": envs, "volumeMounts": kept}
