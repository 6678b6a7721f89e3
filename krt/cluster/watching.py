"""The call that tells of changes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from krt.cluster.transport import Transport
from krt.core.kube.resource import Resource


def watch(
    transport: Transport, resource: Resource, namespace: str | None, version: str, seconds: float
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """The changes since `version`, as lines; the server ends it after `seconds`. Raises VersionExpired."""
    params = {
        "watch": "true",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": f"{seconds:.0f}",
    }
    return transport.stream(resource.collection_path(namespace), params)
