import httpx
import pytest
import trio

from krt.dev.cluster import Fault, StandInCluster, many_deployments, sample_deployments
from tests.dev.cluster_client import DEPLOYMENTS, RESTART, SHOP, WEB, connected, patch
from tests.fakes.polling import until_on_trio_clock


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (410, "Expired"),
        (422, "Invalid"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
    ],
)
async def test_a_fault_answers_instead_and_nothing_is_done(cluster, client, code, reason):
    before = cluster.get(*WEB)
    cluster.faults.add(Fault(status=code))
    answer = await patch(client, f"{SHOP}/web", RESTART)
    assert (answer.status_code, answer.json()["reason"]) == (code, reason)
    assert cluster.get(*WEB) == before
    assert (await patch(client, f"{SHOP}/web", RESTART)).status_code == 200


async def test_too_many_requests_is_plain_text_with_a_pause(cluster, client):
    cluster.faults.add(Fault(status=429, retry_after_seconds=3))
    answer = await client.get(DEPLOYMENTS)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_fault_befalls_only_the_calls_it_names(cluster, client):
    cluster.faults.add(Fault(status=403, verb="list", resource="deployments", namespace="ops"), times=None)
    codes = [(await client.get(path)).status_code for path in (DEPLOYMENTS, SHOP, SHOP.replace("shop", "ops"))]
    assert codes == [200, 200, 403]


async def test_the_empty_namespace_is_the_whole_cluster(cluster, client):
    cluster.faults.add(Fault(status=403, namespace=""), times=None)
    assert [(await client.get(path)).status_code for path in (DEPLOYMENTS, SHOP)] == [403, 200]
    cluster.faults.clear()
    assert (await client.get(DEPLOYMENTS)).status_code == 200


async def test_a_fault_lasts_as_many_calls_as_it_says(cluster, client):
    cluster.faults.add(Fault(status=500), times=2)
    assert [(await client.get(SHOP)).status_code for _ in range(3)] == [500, 500, 200]


async def test_a_denial_is_worded_as_by_rbac_or_by_who_denies(cluster, client):
    cluster.faults.add(Fault(status=403))
    cluster.faults.add(Fault(status=403, message='admission webhook "x" denied the request: no'))
    first, second = [(await patch(client, f"{SHOP}/web", RESTART)).json()["message"] for _ in range(2)]
    assert first == (
        'deployments.apps "web" is forbidden: User "system:serviceaccount:krt:krt-worker" cannot patch resource '
        '"deployments" in API group "apps" in the namespace "shop"'
    )
    assert second == 'admission webhook "x" denied the request: no'


async def test_an_admission_policy_refuses_with_422(cluster, client):
    cluster.faults.add(Fault(status=422))
    status = (await patch(client, f"{SHOP}/web", RESTART)).json()
    assert status["message"].startswith('deployments.apps "web" is forbidden: ValidatingAdmissionPolicy')


async def test_an_answer_can_be_lost_although_the_patch_is_done(cluster, client):
    cluster.faults.add(Fault(broken=True))
    with pytest.raises(httpx.RemoteProtocolError):
        await patch(client, f"{SHOP}/web", RESTART)
    assert cluster.get(*WEB)["metadata"]["generation"] == 2


async def test_a_delayed_call_that_is_given_up_is_not_done(cluster, client):
    cluster.faults.add(Fault(delay_seconds=30))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(patch, client, f"{SHOP}/web", RESTART)
        await until_on_trio_clock(lambda: cluster.requests["patch", "deployments"] == 1)
        nursery.cancel_scope.cancel()
    assert cluster.get(*WEB)["metadata"]["generation"] == 1


async def test_tokens_can_be_asked_for_and_rotated(cluster, client):
    cluster.tokens = {"one"}
    codes = []
    for authorization in ("Bearer one", "bearer one", "Bearer two", "", "Basic one"):
        answer = await client.get(SHOP, headers={"authorization": authorization})
        codes.append(answer.status_code)
    assert codes == [200, 200, 401, 403, 403]
    cluster.tokens = {"two"}
    assert (await client.get(SHOP, headers={"authorization": "Bearer one"})).status_code == 401
    assert (await client.get(SHOP, headers={"authorization": "Bearer two"})).status_code == 200


async def test_an_anonymous_caller_is_refused_by_that_name(cluster, client):
    cluster.tokens = {"one"}
    message = (await client.get(SHOP)).json()["message"]
    assert message.startswith('deployments.apps is forbidden: User "system:anonymous" cannot list')


def test_the_samples_show_every_case():
    samples = {document["metadata"]["name"]: document for document in sample_deployments()}
    assert {document["metadata"]["namespace"] for document in samples.values()} == {"shop", "blog", "ops"}
    assert samples["shop-mirror"]["metadata"]["annotations"]["krt/restart"] == "disabled"
    images = {
        name: document["spec"]["template"]["spec"]["containers"][0]["image"] for name, document in samples.items()
    }
    assert images["web"] == "ghcr.io/acme/shop:dev"
    assert "@sha256:" in images["shop-pinned"]
    assert "initContainers" in samples["worker"]["spec"]["template"]["spec"]


async def test_many_deployments_are_listed_in_pages_of_realistic_size():
    cluster = StandInCluster(many_deployments(1_200, images=30))
    async with connected(cluster) as client:
        page = await client.get(DEPLOYMENTS, params={"limit": 500})
        items = page.json()["items"]
    assert (len(items), page.json()["metadata"]["remainingItemCount"]) == (500, 700)
    assert 2_000 < len(page.content) / 500 < 7_000
    assert len({item["spec"]["template"]["spec"]["containers"][0]["image"] for item in items}) == 30
