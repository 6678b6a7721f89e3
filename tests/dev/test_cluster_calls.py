import pytest

from krt.dev.cluster import deployment
from tests.dev.cluster_client import DEPLOYMENTS, MERGE_PATCH, RESTART, SHOP, patch, version_of


async def test_a_list_names_its_kind_and_its_items_do_not(client):
    listed = (await client.get(DEPLOYMENTS)).json()
    assert (listed["kind"], listed["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert all(item.keys() == {"metadata", "spec", "status"} for item in listed["items"])


async def test_a_list_is_in_the_order_of_namespace_and_name(client):
    items = (await client.get(DEPLOYMENTS)).json()["items"]
    names = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
    assert names == sorted(names)
    assert {namespace for namespace, _ in names} == {"shop", "blog", "ops"}


async def test_a_namespaced_list_has_that_namespace_only(client):
    items = (await client.get(SHOP)).json()["items"]
    assert [item["metadata"]["name"] for item in items] == ["search", "web", "worker"]


async def test_a_namespace_that_is_not_there_has_an_empty_list(client):
    answer = await client.get("/apis/apps/v1/namespaces/none/deployments")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_namespaces_are_objects_too(client):
    names = [item["metadata"]["name"] for item in (await client.get("/api/v1/namespaces")).json()["items"]]
    assert names == ["blog", "ops", "shop"]
    one = (await client.get("/api/v1/namespaces/shop")).json()
    assert (one["kind"], one["apiVersion"], one["status"]["phase"]) == ("Namespace", "v1", "Active")


async def test_one_object_names_its_kind(client):
    one = (await client.get(f"{SHOP}/web")).json()
    assert (one["kind"], one["apiVersion"]) == ("Deployment", "apps/v1")
    assert one["metadata"]["generation"] == one["status"]["observedGeneration"] == 1


async def test_pages_are_of_one_moment(cluster, client):
    cluster.add(deployment("aaa", "shop", "nginx"))
    first = (await client.get(DEPLOYMENTS, params={"limit": 3})).json()
    cluster.delete("Deployment", "shop", "web")
    cluster.add(deployment("zzz", "shop", "nginx"))
    names, page = [item["metadata"]["name"] for item in first["items"]], first
    while token := page["metadata"].get("continue"):
        assert page["metadata"]["remainingItemCount"] == 8 - len(names)
        page = (await client.get(DEPLOYMENTS, params={"limit": 3, "continue": token})).json()
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert len(names) == 8
    assert "web" in names
    assert "zzz" not in names


async def test_an_expired_page_is_410_with_a_token_that_goes_on_inconsistently(cluster, client):
    first = (await client.get(SHOP, params={"limit": 1})).json()
    cluster.delete("Deployment", "shop", "web")
    cluster.store.compact()
    gone = await client.get(SHOP, params={"limit": 1, "continue": first["metadata"]["continue"]})
    assert (gone.status_code, gone.json()["reason"]) == (410, "Expired")
    rest = (await client.get(SHOP, params={"continue": gone.json()["metadata"]["continue"]})).json()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["worker"]


async def test_only_so_many_lists_can_be_half_read(cluster, client):
    tokens = []
    for _ in range(33):
        cluster.patch("Deployment", "shop", "web", RESTART | {"metadata": {"annotations": {"n": str(len(tokens))}}})
        tokens.append((await client.get(SHOP, params={"limit": 1})).json()["metadata"]["continue"])
    codes = [(await client.get(SHOP, params={"continue": token})).status_code for token in (tokens[0], tokens[-1])]
    assert codes == [410, 200]


async def test_version_zero_is_answered_whole_whatever_the_limit(client):
    listed = (await client.get(SHOP, params={"resourceVersion": "0", "limit": 1})).json()
    assert len(listed["items"]) == 3


@pytest.mark.parametrize(
    ("params", "code", "reason"),
    [
        ({"limit": "x"}, 400, "BadRequest"),
        ({"continue": "garbage!"}, 400, "BadRequest"),
        ({"continue": "e30"}, 400, "BadRequest"),
        ({"continue": "bnVsbA"}, 400, "BadRequest"),
        ({"resourceVersion": "abc"}, 400, "BadRequest"),
        ({"resourceVersion": "99999"}, 504, "Timeout"),
    ],
)
async def test_a_malformed_list_is_refused(client, params, code, reason):
    answer = await client.get(SHOP, params=params)
    assert (answer.status_code, answer.json()["kind"], answer.json()["reason"]) == (code, "Status", reason)
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", f"{SHOP}/nope", 404, "NotFound"),
        ("PATCH", f"{SHOP}/nope", 404, "NotFound"),
        ("DELETE", f"{SHOP}/nope", 404, "NotFound"),
        ("GET", "/apis/apps/v1/widgets", 404, "NotFound"),
        ("GET", "/apis/apps/v1//deployments", 404, "NotFound"),
        ("GET", "/apis/apps/v1/deployments/web", 404, "NotFound"),
        ("GET", f"{SHOP}/web/scale", 404, "NotFound"),
        ("PUT", SHOP, 405, "MethodNotAllowed"),
        ("POST", DEPLOYMENTS, 405, "MethodNotAllowed"),
        ("PATCH", DEPLOYMENTS, 405, "MethodNotAllowed"),
        ("POST", f"{SHOP}/web", 405, "MethodNotAllowed"),
    ],
)
async def test_what_is_not_there_is_a_status(client, method, path, code, reason):
    answer = await client.request(method, path, content=b"{}", headers=MERGE_PATCH)
    assert (answer.status_code, answer.json()["reason"]) == (code, reason)


async def test_a_missing_object_is_named(client):
    status = (await client.get(f"{SHOP}/nope")).json()
    assert status["message"] == 'deployments.apps "nope" not found'
    assert status["details"] == {"name": "nope", "group": "apps", "kind": "deployments"}


async def test_another_group_is_not_even_a_status(client):
    answer = await client.get("/apis/batch/v1/jobs")
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


async def test_it_says_that_it_is_ready(client):
    assert (await client.get("/readyz")).text == "ok"


async def test_objects_are_created_replaced_and_deleted_by_http_as_well(cluster, client):
    document = deployment("new", "shop", "nginx")
    created = await client.post(SHOP, json=document, params={"fieldManager": "helm"})
    assert (created.status_code, created.json()["status"]) == (201, {})
    assert created.json()["metadata"]["managedFields"][0]["manager"] == "helm"
    assert (await client.post(SHOP, json=document)).json()["reason"] == "AlreadyExists"
    document["spec"]["replicas"] = 5
    replaced = await client.put(f"{SHOP}/new", json=document)
    assert (replaced.json()["spec"]["replicas"], replaced.json()["metadata"]["generation"]) == (5, 2)
    deleted = await client.delete(f"{SHOP}/new")
    assert deleted.json()["status"] == "Success"
    assert deleted.json()["details"]["uid"] == created.json()["metadata"]["uid"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/apis/apps/v1/namespaces/none/deployments", deployment("a", "none", "nginx"), 404),
        (SHOP, {"metadata": {}}, 422),
        (SHOP, {"metadata": {"name": "q"}}, 422),
        (SHOP, {}, 422),
        (SHOP, [], 400),
    ],
)
async def test_what_cannot_be_created_is_refused(client, path, body, code):
    assert (await client.post(path, json=body)).status_code == code


async def test_calls_are_counted_by_verb_and_resource(cluster, client):
    await client.get(DEPLOYMENTS)
    await client.get(f"{SHOP}/web")
    await patch(client, f"{SHOP}/web", RESTART)
    await patch(client, f"{SHOP}/nope", RESTART)
    await client.get("/api/v1/namespaces")
    assert cluster.requests == {
        ("list", "deployments"): 1,
        ("get", "deployments"): 1,
        ("patch", "deployments"): 2,
        ("list", "namespaces"): 1,
    }


async def test_a_list_and_a_watch_of_one_version_fit_together(client):
    assert await version_of(client) == await version_of(client, "/api/v1/namespaces")
