"""A port to the Secrets and ConfigMaps that a source may read: those of the controller's own namespace."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class StoredConfigMap(NamedTuple):
    """A ConfigMap: its `data` and `binaryData` as bytes by key, and whether it is `immutable: true`."""

    data: Mapping[str, bytes]
    immutable: bool


class SourceAccess(Protocol):
    """Reads by name. Both raise SourceRefused if there is no such object, SourceUnavailable if krt cannot read now."""

    async def secret(self, name: str) -> Mapping[str, bytes]:
        """The data of a Secret, decoded from base64, by key."""
        ...

    async def config_map(self, name: str) -> StoredConfigMap:
        """The ConfigMap of this name."""
        ...
