"""The call that watches for changes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from krt.cluster.transport import Transport
from krt.core.kube.resource import Resource


def watch(
    transport: Transport, resource: Resource, namespace: str | None, version: str, seconds: float
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """The changes since resource version `version`, as lines of JSON. The server ends the watch after `seconds`.

    Raises the errors of Transport.stream, among them VersionExpired if the server no longer knows the version.
    """
    params = {
        "watch": "true",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": f"{seconds:.0f}",
    }
    return transport.stream(resource.collection_path(namespace), params)
