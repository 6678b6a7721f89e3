"""The kinds of objects that an API server serves, and the paths under which it serves them."""

from dataclasses import dataclass
from urllib.parse import quote

from krt.core.kube.object_key import ObjectKey


class Unaddressable(ValueError):
    """No path leads to the object: a name cannot stand in a path, or a namespace is missing, or the kind has none."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: API group ("" is the core group), version, kind as in manifests, plural as in paths."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The field `apiVersion` of a manifest, such as apps/v1."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def key(self, namespace: str, name: str) -> ObjectKey:
        """The key of one object of this resource; `namespace` is "" if the resource has none."""
        return ObjectKey(self.group, self.kind, namespace, name)

    def has(self, key: ObjectKey) -> bool:
        """Whether the key names an object of this resource."""
        return key.kind == self.kind and key.group == self.group

    def collection_path(self, namespace: str | None) -> str:
        """The URL path that lists the objects of one namespace, or of the whole cluster if `namespace` is None.

        Raises Unaddressable.
        """
        if namespace is not None:
            self._check(namespace)
        return self._path(namespace or "")

    def object_path(self, namespace: str, name: str) -> str:
        """The URL path of one object; `namespace` is "" if the resource has none.

        Raises Unaddressable.
        """
        self._check(namespace)
        return f"{self._path(namespace)}/{_segment(name)}"

    def _check(self, namespace: str) -> None:
        if bool(namespace) is not self.namespaced:
            raise Unaddressable(f"a {self.kind} {'needs a' if self.namespaced else 'has no'} namespace")

    def _path(self, namespace: str) -> str:
        root = f"/apis/{self.group}" if self.group else "/api"
        within = f"/namespaces/{_segment(namespace)}" if namespace else ""
        return f"{root}/{self.version}{within}/{self.plural}"


def _segment(name: str) -> str:
    """A name as a segment of a path, quoted: the name of a ClusterRole may hold a colon, for example.

    Some names would lead elsewhere: `..` would lead to the namespace itself. Kubernetes does not allow these names
    (k8s.io/apimachinery, pkg/api/validation/path/name.go), and krt none with characters that cannot be printed.
    """
    if name in {"", ".", ".."} or "/" in name or "%" in name or not name.isprintable():
        raise Unaddressable(f"no object has the name {name!r}")
    return quote(name, safe="")


NAMESPACE = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
