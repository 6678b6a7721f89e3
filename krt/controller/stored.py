"""What a source may read in the cluster: Secrets and ConfigMaps of the namespace that krt runs in."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from krt.cluster import objects
from krt.cluster.transport import Transport
from krt.core.kube.builtin import CONFIG_MAP, SECRET
from krt.core.kube.fields import field_at, texts_at
from krt.core.kube.resource import Resource
from krt.errors import ClusterDenied, ClusterError, NotThere
from krt.sources.access import StoredConfigMap
from krt.sources.errors import SourceRefused, SourceUnavailable


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """The port SourceAccess of krt.sources."""

    transport: Transport
    namespace: str

    async def secret(self, name: str) -> Mapping[str, bytes]:
        """The data of a Secret. Raises SourceRefused and SourceUnavailable."""
        body = await self._read(SECRET, name)
        return _decoded(f"Secret {name}", texts_at(body, "data"))

    async def config_map(self, name: str) -> StoredConfigMap:
        """A ConfigMap. Raises SourceRefused and SourceUnavailable."""
        body = await self._read(CONFIG_MAP, name)
        data = {key: text.encode() for key, text in texts_at(body, "data").items()}
        binary = _decoded(f"ConfigMap {name}", texts_at(body, "binaryData"))
        return StoredConfigMap({**data, **binary}, immutable=field_at(body, "immutable") is True)

    async def _read(self, resource: Resource, name: str) -> objects.Body:
        try:
            return await objects.read(self.transport, resource, resource.key(self.namespace, name))
        except NotThere:
            raise SourceRefused(f"there is no {resource.kind} {name} in the namespace {self.namespace}") from None
        except ClusterDenied as error:
            raise SourceRefused(f"krt may not read the {resource.kind} {name}: {error}") from None
        except ClusterError as error:
            retry = error.retry_after_seconds
            raise SourceUnavailable(f"{resource.kind} {name}: {error}", retry_after_seconds=retry) from error


def _decoded(what: str, data: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(text, validate=True) for key, text in data.items()}
    except binascii.Error:
        raise SourceRefused(f"{what} holds a value that is no base64") from None
