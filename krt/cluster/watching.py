"""The call that watches for changes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from krt.cluster.scope import Scope
from krt.cluster.transport import Transport

T = TypeVar("T")


def watch(
    transport: Transport, scope: Scope[T], version: str, seconds: float
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """The changes since resource version `version`, as lines of JSON. The server ends the watch after `seconds`.

    Raises the errors of Transport.stream, among them VersionExpired if the server no longer knows the version.
    """
    params = {
        "watch": "true",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": f"{seconds:.0f}",
        **scope.selection.params(),
    }
    headers = {"Accept": scope.reader.form.one}
    return transport.stream(scope.resource.collection_path(scope.namespace), params, headers=headers)
