"""Each overlay is accepted by the real API server, and the account that it makes can restart and do nothing else."""

import json
from collections.abc import Iterable

import httpx
import pytest

from krt.core.kube.restartable import RESTARTABLE
from tests.apiserver.objects import grant
from tests.apiserver.server import ApiServer
from tests.deploy.acts import (
    BUNDLE,
    FALSE_EVENTS,
    FIELDS,
    KINDS,
    OF_BUNDLES,
    OTHERS,
    OWN_ANNOUNCEMENTS,
    OWN_EVENTS,
    READS,
    RESTARTS,
    Act,
)
from tests.deploy.installation import SHOP, Installation
from tests.deploy.rendered import EVERYTHING, PLAIN, Variant

ELSEWHERE = Variant("one-namespace", namespace="platform")
ALL = (*PLAIN, EVERYTHING, ELSEWHERE)
each_overlay = pytest.mark.parametrize("installation", ALL, indirect=True, ids=str)

WHO = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
IDENTITY = (  # by which the worker knows its cluster again
    Act("the cluster's own namespace", "GET", "/api/v1/namespaces/kube-system"),
    Act("who it is", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO),
)
CHANGED_BY_A_MARK = {"annotations", "managedFields", "resourceVersion"}
REFUSED_BY_POLICY = "ValidatingAdmissionPolicy 'krt-worker-"


def forbidden(installation: Installation) -> tuple[Act, ...]:
    """What that overlay's worker has no business to do."""
    others = OF_BUNDLES if is_everything(installation) else (*KINDS, *OWN_EVENTS)
    return (*FIELDS, *OTHERS, *FALSE_EVENTS, *READS, *others)


def is_everything(installation: Installation) -> bool:
    """All kinds, and Events."""
    return "BundleDeployment" in installation.rendered.settings("worker")["KRT_KINDS"]


async def answers(client: httpx.AsyncClient, acts: Iterable[Act], *, dry: bool = False) -> dict[str, httpx.Response]:
    """By name. A PATCH is a merge patch."""
    found = {}
    for act in acts:
        kind = "application/merge-patch+json" if act.method == "PATCH" else "application/json"
        found[act.name] = await client.request(
            act.method,
            act.path,
            content=None if act.body is None else json.dumps(act.body),
            headers={"Content-Type": kind},
            params={"dryRun": "All"} if dry else {},
        )
    return found


def unlike(found: dict[str, httpx.Response], statuses: set[int], text: str = "") -> dict[str, str]:
    return {name: a.text for name, a in found.items() if a.status_code not in statuses or text not in a.text}


async def versions(server: ApiServer, installation: Installation) -> dict[str, str]:
    """Of all that the acts are about; what their controllers write of them aside."""
    found = {}
    for resource in RESTARTABLE.values():
        for each in (await server.request("GET", resource.collection_path(SHOP)))["items"]:
            name = f"{resource.plural}/{each['metadata']['name']}"
            found[name] = json.dumps([each["metadata"]["generation"], each["spec"]])
    if is_everything(installation):
        bundle = await server.request("GET", BUNDLE)
        kept = {name: value for name, value in bundle["metadata"].items() if name not in CHANGED_BY_A_MARK}
        found["bundle"] = json.dumps([kept, bundle["spec"], bundle.get("status")])
    return found


@each_overlay
async def test_its_pods_are_admitted_where_pods_are_restricted(
    apiserver: ApiServer, installation: Installation
) -> None:
    """The namespace enforces the Pod Security Standard `restricted`; controllers make the pods."""
    rendered = installation.rendered
    namespace = rendered.one("Deployment", "krt-web")["metadata"]["namespace"]
    made = await apiserver.kubectl("wait", "--for=create", "pod", "-l", "app.kubernetes.io/name", "-n", namespace)
    assert made.code == 0, made
    for each in (*rendered.of("Deployment"), *rendered.of("StatefulSet")):
        resource = f"{each['kind']}/{each['metadata']['name']}"
        wanted = f"--for=jsonpath={{.status.replicas}}={each['spec']['replicas']}"
        waited = await apiserver.kubectl("wait", wanted, resource, "-n", namespace, "--timeout=120s")
        assert waited.code == 0, waited


@each_overlay
async def test_its_worker_may_restart(apiserver: ApiServer, installation: Installation) -> None:
    async with apiserver.control_plane.client_of(installation.token) as worker:
        may = (*RESTARTS, *OWN_EVENTS, *OWN_ANNOUNCEMENTS) if is_everything(installation) else RESTARTS[:2]
        sees = () if installation.rendered.of("RoleBinding") else (Act("namespaces", "GET", "/api/v1/namespaces"),)
        assert unlike(await answers(worker, (*may, *sees, *IDENTITY)), {200, 201}) == {}


@each_overlay
async def test_its_worker_may_do_nothing_else(apiserver: ApiServer, installation: Installation) -> None:
    before = await versions(apiserver, installation)
    async with apiserver.control_plane.client_of(installation.token) as worker:
        found = await answers(worker, forbidden(installation))
    assert unlike(found, {403, 422}) == {}
    assert await versions(apiserver, installation) == before


@each_overlay
async def test_its_worker_could_do_no_more_if_somebody_bound_it_to_all_rights(
    apiserver: ApiServer, installation: Installation
) -> None:
    """The policy stands by itself: only what is read is left to RBAC."""
    _, _, namespace, name = installation.account.split(":")
    _, binding = grant(name, namespace, (), everywhere=True)
    binding["roleRef"]["name"] = "cluster-admin"
    await apiserver.apply(binding)
    before = await versions(apiserver, installation)
    try:
        async with apiserver.control_plane.client_of(installation.token) as worker:
            found = await answers(worker, [act for act in forbidden(installation) if act not in READS])
    finally:
        await apiserver.request(
            "DELETE", await apiserver.path_of(binding["apiVersion"], binding["kind"], binding["metadata"])
        )
    assert unlike(found, {422}, REFUSED_BY_POLICY) == {}
    assert await versions(apiserver, installation) == before


@pytest.mark.parametrize("installation", PLAIN[:1], indirect=True, ids=str)
async def test_one_namespace_is_all_that_its_worker_sees(apiserver: ApiServer, installation: Installation) -> None:
    elsewhere = [
        Act("all", "GET", "/apis/apps/v1/deployments"),
        Act("krt's own", "GET", "/apis/apps/v1/namespaces/krt/deployments"),
        Act("of the system", "GET", "/apis/apps/v1/namespaces/kube-system/deployments"),
        Act("namespaces", "GET", "/api/v1/namespaces"),
        Act("any other namespace", "GET", "/api/v1/namespaces/default"),
    ]
    async with apiserver.control_plane.client_of(installation.token) as worker:
        assert unlike(await answers(worker, elsewhere), {403}) == {}


@pytest.mark.parametrize("installation", PLAIN[1:2], indirect=True, ids=str)
async def test_what_is_refused_would_be_done_for_others(apiserver: ApiServer, installation: Installation) -> None:
    """Nothing in the table is refused because it is malformed."""
    writes = (*FIELDS, *OTHERS, *FALSE_EVENTS, *OWN_EVENTS, *RESTARTS)
    assert unlike(await answers(apiserver.client, writes, dry=True), {200, 201}) == {}


@pytest.mark.parametrize("installation", [EVERYTHING], indirect=True, ids=str)
async def test_what_is_refused_of_bundles_would_be_done_for_others(
    apiserver: ApiServer, installation: Installation
) -> None:
    writes = [act for act in (*OF_BUNDLES, OWN_ANNOUNCEMENTS[0]) if act.name != "tell of an announcement elsewhere"]
    assert unlike(await answers(apiserver.client, writes, dry=True), {200, 201}) == {}


@pytest.mark.parametrize("installation", [EVERYTHING], indirect=True, ids=str)
async def test_each_rule_about_announcements_refuses_something(
    apiserver: ApiServer, installation: Installation
) -> None:
    """The server names the first rule that a write breaks. So a rule that the others make superfluous is none."""
    policy = installation.rendered.one("ValidatingAdmissionPolicy", "krt-worker-announce-only")
    async with apiserver.control_plane.client_of(installation.token) as worker:
        found = await answers(worker, [act for act in OF_BUNDLES if act.path == BUNDLE and act.method == "PATCH"])
    said = "\n".join(answer.text for answer in found.values())
    rules = [rule["message"] for rule in policy["spec"]["validations"]]
    assert [message for message in rules if message not in said] == []


def test_the_table_is_long_enough() -> None:
    assert len({act.name for act in (*FIELDS, *OTHERS, *FALSE_EVENTS, *READS)}) >= 25
