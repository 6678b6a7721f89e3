"""One object as it shall be: the mapping that a bundle holds, and the object's names. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from krt.core.kube.fields import text_at
from krt.core.kube.object_key import ObjectKey

_MOST_NAME, _MOST_LABEL = 253, 63
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_GROUP = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_NO_SEGMENT = re.compile(r"[/%\x00-\x20\x7f]")  # characters that no path of the API server may have


class ManifestInvalid(ValueError):
    """krt cannot apply the mapping as an object. The message is a clause that says why and quotes no content."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object: its API group ("" is the core group), version and kind, its namespace ("" if none) and name.

    `body` is the whole object as decoded JSON. The repr leaves it out, because it may be a Secret.
    """

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    body: Mapping[str, object] = field(repr=False)

    @property
    def key(self) -> ObjectKey:
        """The object's key in the cluster. The version is not part of the key."""
        return ObjectKey(self.group, self.kind, self.namespace, self.name)

    @property
    def api_version(self) -> str:
        """The manifest's field `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def read_manifest(body: object) -> Manifest:
    """The manifest for a mapping. Raises ManifestInvalid.

    The object's own name is checked only for its length, and for characters that a URL path cannot have
    (k8s.io/apimachinery, api/validation/path), because some kinds, such as RBAC's, allow more than a DNS label. The API
    server checks the rest.
    """
    if not isinstance(body, Mapping):
        raise ManifestInvalid("it is not a mapping with apiVersion, kind and metadata")
    group, version = _group_version(text_at(body, "apiVersion"))
    kind = text_at(body, "kind")
    if not _KIND.fullmatch(kind) or len(kind) > _MOST_LABEL:
        raise ManifestInvalid("it has no kind" if not kind else "its kind is not the name of a kind")
    return Manifest(group, version, kind, _namespace(body), _name(body), body)


def _group_version(api_version: str) -> tuple[str, str]:
    if not api_version:
        raise ManifestInvalid("it has no apiVersion")
    group, slash, version = api_version.rpartition("/")
    if bool(slash) is not bool(group) or len(group) > _MOST_NAME or len(version) > _MOST_LABEL:
        raise ManifestInvalid("its apiVersion is not GROUP/VERSION")
    if (group and not _GROUP.fullmatch(group)) or not _LABEL.fullmatch(version):
        raise ManifestInvalid("its apiVersion is not GROUP/VERSION")
    return group, version


def _namespace(body: Mapping[str, object]) -> str:
    namespace = text_at(body, "metadata", "namespace")
    if namespace and (len(namespace) > _MOST_LABEL or not _LABEL.fullmatch(namespace)):
        raise ManifestInvalid("its metadata.namespace is not the name of a namespace")
    return namespace


def _name(body: Mapping[str, object]) -> str:
    name = text_at(body, "metadata", "name")
    if not name and text_at(body, "metadata", "generateName"):
        raise ManifestInvalid("it has a generateName: every run would make another object, write a name")
    if not name:
        raise ManifestInvalid("it has no metadata.name")
    if len(name) > _MOST_NAME or name in {".", ".."} or _NO_SEGMENT.search(name) or not name.isprintable():
        raise ManifestInvalid("its metadata.name cannot stand in a path of the API server")
    return name
