"""Where the kinds are served that are none of Kubernetes' own: those of CRDs and of aggregated API servers.

Asked for once where the server tells all of it in one answer (Kubernetes 1.27 and later), else group by group.
Source of both: kubernetes.io/docs, "The Kubernetes API", "Discovery API".
"""

from collections.abc import Iterable, Iterator

import msgspec
import trio

from krt.cluster.object_errors import NotServed
from krt.cluster.transport import Transport, decoded
from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.resource import Resource
from krt.errors import NotThere

_SECONDS = 30.0  # an aggregated API server that is away may be waited for
_MOST_BYTES = 16 * 1024 * 1024  # unpacked; a thousand CRDs are 1 MiB
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
    """What one API server serves. It is asked again whenever a kind is wanted that it did not have."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._heard: tuple[Resource, ...] = ()
        self._asks = 0
        self._asked: dict[str, int] = {}  # each group, and the number of the latest ask that was about it
        self._lock = trio.Lock()

    async def find(self, group: str, kind: str, version: str = "") -> Resource:
        """The resource of that kind; without a version, in the one that the server prefers.

        Raises NotServed, ClusterUnavailable, ClusterDenied, ClusterRefused.
        """
        asks = self._asks
        if found := _first(BUILT_IN, group, kind, version) or _first(self._heard, group, kind, version):
            return found
        if group:  # nothing is ever added to the core group
            await self._ask_once(group, asks)
        if found := _first(self._heard, group, kind, version):
            return found
        api_version = f"{group}/{version}" if group and version else group or version or "the core group"
        raise NotServed(f"the API server serves no {kind} of {api_version}")

    async def _ask_once(self, group: str, asks: int) -> None:
        """Ask, unless somebody has begun to since there were so many asks."""
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
        """The group's resources, from a server that tells each version by itself."""
        found = list[Resource]()
        try:
            versions = decoded(_one_group.decode, await self._get(f"/apis/{group}")).versions or ()
            for version in versions:
                served = decoded(_one_version.decode, await self._get(f"/apis/{group}/{version.version}")).resources
                for each in served or ():
                    if "/" not in each.name:  # a subresource has the kind of what is written to it
                        found.append(Resource(group, version.version, each.kind, each.name, each.namespaced))
        except NotThere:
            pass  # the group is not there, or goes while it is asked for
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
