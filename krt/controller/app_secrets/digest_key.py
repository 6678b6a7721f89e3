"""The key of the digests: made once, and kept in a Secret beside the Lease, so that digests outlive the process."""

import base64
import binascii
from secrets import token_bytes

from krt.backoff import Backoff
from krt.cluster import objects
from krt.cluster.object_errors import AlreadyThere
from krt.cluster.transport import Transport
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import texts_at
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.errors import ClusterError, NotThere
from krt.logs import Log

log = Log("controller")

NAME = "krt.secrets-digest-key"
_FIELD = "key"
_BYTES = 32


async def kept_digest_key(transport: Transport, namespace: str) -> bytes:
    """The key that the Secret has; the Secret is created if there is none. Waits as long as it cannot be read."""
    async for _ in Backoff(first_seconds=0.5, most_seconds=30.0):
        try:
            return await _read(transport, namespace)
        except NotThere:
            await _created(transport, namespace)
        except ClusterError as error:
            log.warning("digest_key_unavailable", problem=error)
    raise AssertionError("a backoff does not end")


async def _read(transport: Transport, namespace: str) -> bytes:
    body = await objects.read(transport, SECRET, SECRET.key(namespace, NAME))
    try:
        found = base64.b64decode(texts_at(body, "data").get(_FIELD, ""), validate=True)
    except binascii.Error:
        found = b""
    if len(found) < _BYTES:
        raise ClusterError(f"the Secret {namespace}/{NAME} has no key of {_BYTES} bytes: delete it, and krt makes one")
    return found


async def _created(transport: Transport, namespace: str) -> None:
    key = SECRET.key(namespace, NAME)
    body = {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {_FIELD: base64.b64encode(token_bytes(_BYTES)).decode()},
    }
    try:
        await objects.create(transport, SECRET, key, body, manager=FIELD_MANAGER)
    except AlreadyThere:
        log.info("digest_key_made_by_another")
    except ClusterError as error:
        log.warning("digest_key_unavailable", problem=error)
