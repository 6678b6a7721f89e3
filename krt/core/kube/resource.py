"""The kinds of objects that an API server serves, and the paths under which it serves them."""

from dataclasses import dataclass

from krt.core.kube.object_key import ObjectKey


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

        Raises ValueError if a namespace is given and the resource has none.
        """
        if namespace is not None:
            self._check(namespace)
        return self._path(namespace or "")

    def object_path(self, namespace: str, name: str) -> str:
        """The URL path of one object; `namespace` is "" if the resource has none.

        Raises ValueError if `namespace` does not fit the resource.
        """
        self._check(namespace)
        return f"{self._path(namespace)}/{name}"

    def _check(self, namespace: str) -> None:
        if bool(namespace) is not self.namespaced:
            raise ValueError(f"a {self.kind} {'needs a' if self.namespaced else 'has no'} namespace")

    def _path(self, namespace: str) -> str:
        root = f"/apis/{self.group}" if self.group else "/api"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}/{self.version}{within}/{self.plural}"


NAMESPACE = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
