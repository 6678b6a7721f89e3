"""What an API server serves, by its names, and the paths at which it does."""

from dataclasses import dataclass

from krt.core.kube.object_key import ObjectKey


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: its API group ("" is the core group) and version, and its names in manifests and in paths."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As manifests give it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def key(self, namespace: str, name: str) -> ObjectKey:
        """What names one of its objects."""
        return ObjectKey(self.group, self.kind, namespace, name)

    def has(self, key: ObjectKey) -> bool:
        """Whether the key names one of its objects."""
        return key.kind == self.kind and key.group == self.group

    def collection_path(self, namespace: str | None) -> str:
        """Where its objects are listed: those in one namespace, or (None) all there are."""
        if namespace is not None:
            self._check(namespace)
        return self._path(namespace or "")

    def object_path(self, namespace: str, name: str) -> str:
        """Where one object is; the namespace of what stands in none is ""."""
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
