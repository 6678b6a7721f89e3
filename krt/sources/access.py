"""A port to the Secrets and ConfigMaps that a source may read: those of the controller's own namespace."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class StoredConfigMap(NamedTuple):
    """A ConfigMap: the bytes of its `data` and `binaryData` by key, and whether it has `immutable: true`."""

    data: Mapping[str, bytes]
    immutable: bool


class SourceAccess(Protocol):
    """Reads by name. Both calls raise SourceUnavailable if krt cannot read now.

    They raise SourceRefused if there is no such object, if krt may not read it, or if a value is not base64.
    """

    async def secret(self, name: str) -> Mapping[str, bytes]:
        """The data of a Secret, decoded from base64, by key."""
        ...

    async def config_map(self, name: str) -> StoredConfigMap:
        """The ConfigMap of this name."""
        ...
