"""Finds the resources of kinds that are not built into Kubernetes: kinds of CRDs and of aggregated API servers.

Kubernetes 1.27 and later describes all groups in one answer. An older server describes one version of one group in
each answer, so krt asks it about the wanted group only.
Source: kubernetes.io/docs, "The Kubernetes API", "Discovery API".
"""

from collections.abc import Iterable, Iterator

import msgspec
import trio

from krt.cluster.object_errors import NotServed
from krt.cluster.transport import Transport, decoded
from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.resource import Resource
from krt.errors import NotThere

_SECONDS = 30.0  # the API server itself may wait for an aggregated API server that does not answer
_MOST_BYTES = 16 * 1024 * 1024  # of the uncompressed answer; a thousand CRDs make 1 MiB
_AS = "as=APIGroupDiscoveryList"
_ACCEPT = f"application/json;g=apidiscovery.k8s.io;v=v2;{_AS},application/json;g=apidiscovery.k8s.io;v=v2beta1;{_AS}"
_HEADERS = {"Accept": f"{_ACCEPT},application/json", "Accept-Encoding": "gzip"}


class _Kind(msgspec.Struct):
    kind: str = ""


class _Name(msgspec.Struct):
    name: str = ""


class _Served(msgspec.Struct, rename="camel"):
    resource: str
    response_kind: _Kind | None = None
    scope: str = ""


class _Version(msgspec.Struct):
    version: str
    resources: tuple[_Served, ...] | None = None


class _Group(msgspec.Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)
    versions: tuple[_Version, ...] | None = None


class _Everything(msgspec.Struct):
    kind: str
    items: tuple[_Group, ...] | None = None


class _OneGroup(msgspec.Struct):
    versions: tuple[_Version, ...] | None = None


class _ServedAlone(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = False


class _OneVersion(msgspec.Struct):
    resources: tuple[_ServedAlone, ...] | None = None


_everything = msgspec.json.Decoder(_Everything)
_one_group = msgspec.json.Decoder(_OneGroup)
_one_version = msgspec.json.Decoder(_OneVersion)


class Discovery:
    """The resources of one API server. `find` asks it only if a kind is neither built in nor in its last answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._heard: tuple[Resource, ...] = ()
        self._asks = 0  # the number of questions so far
        self._asked: dict[str, int] = {}  # the number of the latest question about each group
        self._lock = trio.Lock()

    async def find(self, group: str, kind: str, version: str = "") -> Resource:
        """The resource of a kind in `version`; if `version` is "", in the version that the server prefers.

        Raises NotServed, ClusterUnavailable, ClusterDenied, ClusterRefused.
        """
        asks = self._asks
        if found := _first(BUILT_IN, group, kind, version) or _first(self._heard, group, kind, version):
            return found
        if group:  # CRDs and aggregated API servers add no kind to the core group
            await self._ask_once(group, asks)
        if found := _first(self._heard, group, kind, version):
            return found
        api_version = f"{group}/{version}" if group and version else group or version or "the core group"
        raise NotServed(f"the API server serves no {kind} of {api_version}")

    async def namespaced(self) -> tuple[Resource, ...]:
        """One resource for each namespaced kind. Asks the server anew. Raises as `find`, but never NotServed.

        For a server before 1.27 these are the built-in kinds, and those of the groups that `find` has asked about.
        """
        await self._ask_once("", self._asks)
        found = {(each.group, each.plural): each for each in reversed((*BUILT_IN, *self._heard)) if each.namespaced}
        return tuple(found.values())

    async def _ask_once(self, group: str, asks: int) -> None:
        """Ask about the group, unless a question with a number above `asks` was about it already."""
        async with self._lock:
            if self._asked.get(group, 0) <= asks:
                self._asks += 1
                number = self._asks
                self._heard = await self._ask(group)
                self._asked |= dict.fromkeys({group, *(each.group for each in self._heard)}, number)

    async def _ask(self, group: str) -> tuple[Resource, ...]:
        everything = decoded(_everything.decode, await self._get("/apis"))
        if everything.kind == "APIGroupDiscoveryList":
            return tuple(_resources_of(everything.items or ()))
        others = [each for each in self._heard if each.group != group]
        return (*others, *await self._one_by_one(group))

    async def _one_by_one(self, group: str) -> list[Resource]:
        """The group's resources, from a server that describes each version in an answer of its own."""
        found = list[Resource]()
        try:
            versions = decoded(_one_group.decode, await self._get(f"/apis/{group}")).versions or ()
            for version in versions:
                served = decoded(_one_version.decode, await self._get(f"/apis/{group}/{version.version}")).resources
                for each in served or ():
                    if "/" not in each.name:  # leave out subresources: `widgets/status` has the kind Widget, too
                        found.append(Resource(group, version.version, each.kind, each.name, each.namespaced))
        except NotThere:
            pass  # there is no such group, or it was deleted between two calls
        return found

    async def _get(self, path: str) -> bytes:
        return await self._transport.call("GET", path, headers=_HEADERS, seconds=_SECONDS, most_bytes=_MOST_BYTES)


def _first(rows: Iterable[Resource], group: str, kind: str, version: str) -> Resource | None:
    fitting = (each for each in rows if (each.group, each.kind) == (group, kind) and version in {"", each.version})
    return next(fitting, None)


def _resources_of(groups: Iterable[_Group]) -> Iterator[Resource]:
    for group in groups:
        for version in group.versions or ():
            for each in version.resources or ():
                kind = each.response_kind.kind if each.response_kind else ""
                yield Resource(group.metadata.name, version.version, kind, each.resource, each.scope == "Namespaced")
