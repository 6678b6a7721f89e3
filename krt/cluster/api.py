"""The calls that krt makes of the API server: prepare, send within a deadline, and read what came back."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
import trio

from krt.cluster import wire
from krt.cluster.credentials import Credentials
from krt.cluster.refusal import refusal
from krt.cluster.unpack import Unpacker, UnpackError
from krt.core.ports import Stamp
from krt.core.resource import NAMESPACE, Resource
from krt.core.restartable import RESTARTABLE
from krt.core.workload import CAUSE, MARK, RESTARTED_AT, Workload, WorkloadKey
from krt.errors import ClusterDenied, ClusterUnavailable
from krt.http import bounded_body, cause_of

T = TypeVar("T")

PAGE_ITEMS = 250  # a page is decoded in one piece, which holds the loop for 2 to 4 ms
_CALL_SECONDS = 10.0
_PAGE_SECONDS = 60.0  # a page of a busy server's list
_WHO_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_WHO = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_MOST_LINE_BYTES = 4 * 1024 * 1024  # etcd holds no object above 1.5 MiB
_MOST_OBJECT_BYTES = 4 * 1024 * 1024
_MOST_PAGE_BYTES = 16 * 1024 * 1024  # unpacked; 250 Deployments are 2 MiB
_MOST_PAGE_METADATA = 20 * PAGE_ITEMS  # each object has two or a few; to decode 16 MiB of empty ones takes 400 MB
_MOST_REFUSAL_BYTES = 64 * 1024


class AnswerTooLarge(ClusterUnavailable):
    """The API server sent more than any answer to this call has; the rest was not read."""


class Api:
    """The calls. Each raises ClusterUnavailable, ClusterDenied or ClusterRefused, besides what it names."""

    def __init__(self, client: httpx.AsyncClient, credentials: Credentials) -> None:
        self._client = client
        self._credentials = credentials

    async def read(self, key: WorkloadKey) -> Workload:
        """The workload as it is now. Raises NotThere."""
        resource = RESTARTABLE[key.kind]
        body = await self._call("GET", resource.object_path(key.namespace, key.name))
        return _decoded(wire.read_workload, resource, body)

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Restart the workload if it is still at the version that was read. Raises Conflict and NotThere.

        One merge patch: no other field is sent, so no other field can change.
        """
        resource, key = RESTARTABLE[workload.key.kind], workload.key
        body = await self._call(
            "PATCH",
            resource.object_path(key.namespace, key.name),
            params={"fieldManager": wire.FIELD_MANAGER},
            content=json.dumps(restart_patch(workload.resource_version, stamp)).encode(),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        return _decoded(wire.read_workload, resource, body)

    async def list_page(
        self, resource: Resource, namespace: str | None, continue_token: str | None, *, at_once: int = PAGE_ITEMS
    ) -> wire.Page:
        """One page of all workloads of a resource. Raises VersionExpired where the token is too old, AnswerTooLarge."""
        params = {"limit": str(at_once)} | ({"continue": continue_token} if continue_token else {})
        headers = {"Accept-Encoding": "gzip"}  # the API server packs what is longer than 128 KiB, and no watch
        path = resource.collection_path(namespace)
        body = await self._call(
            "GET", path, params=params, headers=headers, seconds=_PAGE_SECONDS, most_bytes=_MOST_PAGE_BYTES
        )
        if body.count(b'"metadata"') > _MOST_PAGE_METADATA:
            raise AnswerTooLarge("the answer holds more objects than were asked for")
        return _decoded(wire.read_page, resource, body)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create a Kubernetes Event. Raises Conflict and NotThere."""
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        headers = {"Content-Type": "application/json"}
        await self._call("POST", path, content=json.dumps(event).encode(), headers=headers)

    async def namespace_uid(self, name: str) -> str:
        """What tells the namespace from others of that name. Raises NotThere."""
        body = await self._call("GET", NAMESPACE.object_path("", name))
        return _decoded(wire.read_uid, NAMESPACE, body)

    async def who_am_i(self) -> wire.Account:
        """Who the API server takes krt for. Raises NotThere where it is older than Kubernetes 1.28."""
        headers = {"Content-Type": "application/json"}
        body = await self._call("POST", _WHO_PATH, content=json.dumps(_WHO).encode(), headers=headers)
        return _decoded(wire.read_account, NAMESPACE, body)

    async def newest_version(self, resource: Resource, namespace: str | None) -> str:
        """The version that a list would have now: everything that happened before the call is older, or that."""
        body = await self._call("GET", resource.collection_path(namespace), params={"limit": "1"})
        return _decoded(wire.read_page, resource, body).resource_version

    @asynccontextmanager
    async def watch(
        self, resource: Resource, namespace: str | None, version: str, seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The changes since `version`, as lines; the server ends it after `seconds`. Raises VersionExpired."""
        params = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": f"{seconds:.0f}",
        }
        request = await self._prepared("GET", resource.collection_path(namespace), params=params)
        with _translated():
            async with AsyncExitStack() as stack:
                with _deadline(_CALL_SECONDS):
                    response = await stack.enter_async_context(self._answered(request))
                chunks = response.aiter_raw()
                lines = _lines(chunks)
                stack.push_async_callback(_exhaust, chunks)
                stack.push_async_callback(_exhaust, lines)
                yield lines

    async def _call(
        self,
        method: str,
        path: str,
        *,
        seconds: float = _CALL_SECONDS,
        most_bytes: int = _MOST_OBJECT_BYTES,
        **more: Any,
    ) -> bytes:
        request = await self._prepared(method, path, **more)
        with _translated(), _deadline(seconds):
            async with self._answered(request) as response:
                return await _body(response, most_bytes)

    async def _prepared(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Request:
        own = await self._credentials.headers()  # under its own deadline: it may run a program
        # As bytes: a name that krt acts as may hold other letters than ASCII's, and goes out in UTF-8, as from kubectl.
        every = [(name.encode(), value.encode()) for name, value in (*(headers or {}).items(), *own)]
        return self._client.build_request(method, path, headers=every, **more)

    @asynccontextmanager
    async def _answered(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """The answer, its body still to come, unless it is a refusal. The connection is free again afterwards."""
        try:
            response = await self._client.send(request, stream=True)
        except httpx.ConnectError:
            self._credentials.doubt()
            raise
        try:
            if response.status_code != 401:
                self._credentials.accept()
            if response.status_code not in {200, 201}:
                raise await self._refused(response)
            yield response
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await response.aclose()

    async def _refused(self, response: httpx.Response) -> Exception:
        body, _ = await bounded_body(response, _MOST_REFUSAL_BYTES)
        status, path = wire.read_status(body), self._client.base_url.path
        error = refusal(response.status_code, status, response.headers.get("Retry-After"), path=path)
        if response.status_code == 401 and isinstance(error, ClusterDenied):  # and no admission's own 401
            self._credentials.refuse()
        return error


def restart_patch(resource_version: str, stamp: Stamp) -> dict[str, Any]:
    """The whole of what krt ever changes, as a JSON merge patch (RFC 7396) that a newer object refuses."""
    return {
        "metadata": {
            "resourceVersion": resource_version,
            "annotations": {MARK: stamp.mark, CAUSE: stamp.cause},
        },
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp.restarted_at}}}},
    }


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError as error:
        raise ClusterUnavailable(f"no answer within {seconds:g} s") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpx.RequestError, httpx.StreamError) as error:
        raise ClusterUnavailable(f"{type(error).__name__}: {cause_of(error)}") from error
    except UnpackError as error:
        raise ClusterUnavailable(str(error)) from error


def _decoded(read: Callable[[str, bytes], T], resource: Resource, body: bytes) -> T:
    try:
        return read(resource.kind, body)
    except wire.UNREADABLE as error:
        raise ClusterUnavailable(f"the answer is not the expected JSON: {error}") from error


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    """The body, unpacked. Raises AnswerTooLarge where it has more than `most_bytes`, and reads no more of it."""
    unpacker = Unpacker(response.headers.get("Content-Encoding", ""))
    chunks, body, size = response.aiter_raw(), [], 0
    try:
        async for chunk in chunks:
            for number, piece in enumerate(unpacker.pieces(chunk)):
                if number:  # to read a chunk was a checkpoint; to unpack it takes longer
                    await trio.lowlevel.checkpoint()
                body.append(piece)
                size += len(piece)
                if size > most_bytes:
                    raise AnswerTooLarge(f"an answer of more than {most_bytes // 1024} KiB")
    finally:
        await _exhaust(chunks)
    unpacker.finish()
    return b"".join(body)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    kept = b""
    async for chunk in chunks:
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(kept) > _MOST_LINE_BYTES:
            raise ClusterUnavailable(f"the watch sent a line of more than {_MOST_LINE_BYTES} bytes")


async def _exhaust(pieces: AsyncIterator[bytes]) -> None:
    # Left where they stand, the generators within httpx would wait for the garbage collector, which cannot close them.
    with trio.CancelScope() as scope:
        scope.cancel()
        async for _ in pieces:
            pass
