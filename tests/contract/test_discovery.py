"""Where kinds are served: the table of Kubernetes' own, and what the real API server says of all others."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio

from krt.cluster import discovery
from krt.cluster.discovery import Discovery
from krt.cluster.object_errors import NotServed
from krt.cluster.objects import apply, delete
from krt.cluster.transport import Transport
from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.resource import Resource
from tests.apiserver.server import ApiServer
from tests.contract.manifests import CRD, an_object
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_wall_clock

# Groups and kinds that older servers serve in versions before the final one, or not at all: those are asked about.
SINCE_1_29 = {"flowcontrol.apiserver.k8s.io"}
SINCE_1_30 = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
SINCE_1_33 = {"IPAddress", "ServiceCIDR"}
SINCE_1_34 = {"resource.k8s.io", "VolumeAttributesClass"}
SINCE_1_36 = {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}
ASKED_ABOUT = SINCE_1_29 | SINCE_1_30 | SINCE_1_33 | SINCE_1_34 | SINCE_1_36


class Counting(Transport):
    """Remembers what was asked for."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.paths = list[str]()

    async def call(self, method: str, path: str, **more: Any) -> bytes:
        self.paths.append(path)
        return await self._inner.call(method, path, **more)


@pytest.fixture
def counting(transport: Transport) -> Counting:
    return Counting(transport)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server before 1.27 answers: it does not know the form that tells everything at once."""
    monkeypatch.setattr(discovery, "_HEADERS", {"Accept": "application/json"})


@pytest.fixture(params=["at once", "one by one"])
def way(request: pytest.FixtureRequest) -> None:
    if request.param == "one by one":
        request.getfixturevalue("one_by_one")


@pytest.fixture
async def group(namespace: str, transport: Transport) -> AsyncIterator[str]:
    """An API group with one kind, in two versions of which v1 is preferred, until the test ends."""
    group = f"{namespace}.example.com"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": "v1alpha1", "served": True, "storage": False, "schema": schema},
        {"name": "v1", "served": True, "storage": True, "schema": schema},
    ]
    names = {"plural": "oxen", "singular": "ox", "kind": "Ox"}
    key = CRD.key("", f"oxen.{group}")
    spec = {"group": group, "names": names, "scope": "Cluster", "versions": versions}
    made = await apply(transport, CRD, key, an_object(CRD, key, spec=spec), manager="test")
    yield group
    await delete(transport, CRD, key, uid=made.body["metadata"]["uid"])


async def found(wanted: Discovery, *names: str) -> Resource:
    """As soon as the server serves what was just defined."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                return await wanted.find(*names)
            except NotServed:
                await trio.sleep(0.05)


async def test_each_row_of_the_table_is_as_the_server_has_it(apiserver: ApiServer) -> None:
    served = dict[str, dict[str, Any]]()
    for each in BUILT_IN:
        root = f"/apis/{each.api_version}" if each.group else f"/api/{each.version}"
        if root not in served:
            rows = (await apiserver.request("GET", root))["resources"]
            served[root] = {row["kind"]: row for row in rows if "/" not in row["name"]}
        row = served[root][each.kind]
        assert (row["name"], row["namespaced"]) == (each.plural, each.namespaced)


async def test_no_kind_of_kubernetes_own_is_missing_in_the_table(apiserver: ApiServer) -> None:
    """Of those in a final version that can be applied."""
    groups = (await apiserver.request("GET", "/apis"))["groups"]
    roots = {"/api/v1": "", **{f"/apis/{g['preferredVersion']['groupVersion']}": g["name"] for g in groups}}
    known = {(each.group, each.kind) for each in BUILT_IN}
    missing = set[tuple[str, str]]()
    for root, group in roots.items():
        for row in (await apiserver.request("GET", root))["resources"]:
            is_final = "alpha" not in root and "beta" not in root and not group.endswith("example.com")
            if is_final and "/" not in row["name"] and {"patch", "list"} <= set(row["verbs"]):
                missing |= {(group, row["kind"])} - known
    assert {pair for pair in missing if not ASKED_ABOUT & set(pair)} == set()


async def test_nobody_is_asked_about_kubernetes_own_kinds(counting: Counting) -> None:
    wanted = Discovery(counting)
    assert (await wanted.find("apps", "Deployment", "v1")).plural == "deployments"
    assert (await wanted.find("autoscaling", "HorizontalPodAutoscaler")).version == "v2"
    assert (await wanted.find("autoscaling", "HorizontalPodAutoscaler", "v1")).version == "v1"
    assert counting.paths == []


async def test_a_kind_that_somebody_defined_is_found_by_its_version_or_in_the_preferred_one(
    counting: Counting, group: str, way: None
) -> None:
    async def has_both_versions() -> bool:  # for a moment the server serves the first one alone
        return (await found(Discovery(counting), group, "Ox")).version == "v1"

    await until_on_wall_clock(has_both_versions)
    wanted = Discovery(counting)
    alpha = await found(wanted, group, "Ox", "v1alpha1")
    assert alpha == Resource(group, "v1alpha1", "Ox", "oxen", namespaced=False)
    asked = len(counting.paths)
    assert await wanted.find(group, "Ox") == Resource(group, "v1", "Ox", "oxen", namespaced=False)
    assert len(counting.paths) == asked
    with pytest.raises(NotServed, match=f"serves no Ox of {group}/v2"):
        await wanted.find(group, "Ox", "v2")


async def test_a_kind_that_is_defined_later_is_found_then(counting: Counting, way: None) -> None:
    wanted = Discovery(counting)
    with pytest.raises(NotServed, match=r"serves no Ox of nobody\.example\.com/v1"):
        await wanted.find("nobody.example.com", "Ox", "v1")
    with pytest.raises(NotServed, match=r"serves no Thing of the core group"):
        await wanted.find("", "Thing")
    asked = len(counting.paths)
    with pytest.raises(NotServed):
        await wanted.find("nobody.example.com", "Ox", "v1")
    assert len(counting.paths) > asked


async def test_many_who_want_to_know_at_once_ask_once(counting: Counting, group: str) -> None:
    """Seen to fail with each asking for itself."""
    await found(Discovery(counting), group, "Ox")
    counting.paths.clear()
    wanted = Discovery(counting)
    async with trio.open_nursery() as nursery:
        for version in ("v1", "v1alpha1", "") * 10:
            nursery.start_soon(partial(wanted.find, group, "Ox", version))
    assert counting.paths == ["/apis"]
