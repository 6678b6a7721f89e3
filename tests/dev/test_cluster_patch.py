import pytest

from krt.dev.cluster import ApiRefusal, sample_deployments
from tests.dev.cluster_client import MERGE_PATCH, RESTART, SHOP, WEB, patch


async def test_a_restart_changes_the_template_and_the_generation_and_nothing_else(cluster, client):
    before = cluster.get(*WEB)
    answer = await patch(client, f"{SHOP}/web", RESTART, fieldManager="krt")
    after = answer.json()
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert after["status"] == before["status"]


async def test_a_patch_with_the_version_that_was_read_is_done(cluster, client):
    version = cluster.get(*WEB)["metadata"]["resourceVersion"]
    answer = await patch(client, f"{SHOP}/web", RESTART | {"metadata": {"resourceVersion": version}})
    assert answer.status_code == 200


@pytest.mark.parametrize("change", [RESTART, {}])
async def test_a_patch_with_a_stale_version_is_a_conflict_even_if_it_changes_nothing(client, change):
    answer = await patch(client, f"{SHOP}/web", change | {"metadata": {"resourceVersion": "2"}})
    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
    assert "the object has been modified" in answer.json()["message"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"metadata": {"labels": {"app": "web"}}},
        {"metadata": {"annotations": {"absent": None}}},
        {"metadata": {"generation": 77, "creationTimestamp": "2020-01-01T00:00:00Z", "managedFields": []}},
        {"status": {"replicas": 9}},
    ],
)
async def test_a_patch_that_changes_nothing_keeps_version_and_generation(cluster, client, change):
    before = cluster.get(*WEB)
    answer = await patch(client, f"{SHOP}/web", change)
    assert answer.status_code == 200
    assert cluster.get(*WEB) == before


async def test_a_deployments_generation_grows_with_its_own_annotations_and_not_with_its_labels(cluster):
    assert cluster.patch(*WEB, {"metadata": {"annotations": {"a": "b"}}})["metadata"]["generation"] == 2
    assert cluster.patch(*WEB, {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 2


async def test_a_null_removes_and_a_list_is_replaced_whole(cluster, client):
    containers = [{"name": "only", "image": "nginx:1"}]
    await patch(client, f"{SHOP}/worker", {"spec": {"template": {"spec": {"containers": containers}}}})
    await patch(client, f"{SHOP}/worker", {"spec": {"template": {"spec": {"initContainers": None}}}})
    pod = cluster.get("Deployment", "shop", "worker")["spec"]["template"]["spec"]
    assert pod == {"containers": [{"name": "only", "image": "nginx:1", "imagePullPolicy": "IfNotPresent"}]}


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/merge-patch+json", 200),
        ("application/merge-patch+json; charset=utf-8", 200),
        ("application/json", 415),
        ("application/json-patch+json", 415),
        ("application/strategic-merge-patch+json", 415),
        ("", 415),
    ],
)
async def test_only_merge_patches_are_taken(client, content_type, code):
    answer = await client.patch(f"{SHOP}/web", content=b"{}", headers={"content-type": content_type})
    assert answer.status_code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"\xff"', 400),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        ({"metadata": {"name": "other"}}, 400),
        ({"metadata": {"namespace": "other"}}, 400),
        ({"metadata": None}, 400),
        ({"metadata": {"uid": "other"}}, 422),
        ({"metadata": {"annotations": {"a b": "1"}}}, 422),
        ({"metadata": {"annotations": {"a": 1}}}, 422),
        ({"metadata": {"annotations": []}}, 422),
        ({"metadata": {"annotations": {"a": "x" * 300_000}}}, 422),
        ({"spec": {"replicas": -1}}, 422),
        ({"spec": {"replicas": "3"}}, 422),
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, 422),
        ({"spec": {"template": {"spec": {"containers": []}}}}, 422),
        ({"spec": None}, 422),
        ({"spec": {"template": {"metadata": {"annotations": {"a": False}}}}}, 422),
        ({"metadata": {"resourceVersion": "abc"}}, 500),
        ({"metadata": {"resourceVersion": 5}}, 422),
        ({"metadata": {"annotations": {"a": "x" * 4_000_000}}}, 413),
    ],
)
async def test_a_malformed_patch_is_refused_and_nothing_is_changed(cluster, client, body, code):
    before = cluster.get(*WEB)
    answer = await patch(client, f"{SHOP}/web", body)
    assert (answer.status_code, answer.json()["code"]) == (code, code)
    assert cluster.get(*WEB) == before


async def test_a_422_names_the_object_and_the_field(client):
    status = (await patch(client, f"{SHOP}/web", {"spec": {"replicas": -1}})).json()
    assert status["message"].startswith('Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1')
    assert status["details"]["causes"][0]["field"] == "spec.replicas"


def owner(document, *path):
    """Who holds that field."""
    owners = []
    for entry in document["metadata"]["managedFields"]:
        tree = entry["fieldsV1"]
        for name in path:
            tree = tree.get(f"f:{name}") if tree is not None else None
        if tree is not None:
            owners.append(entry["manager"])
    return owners


RESTARTED_AT = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")


async def test_managed_fields_name_the_manager_that_set_a_field_last(cluster, client):
    await patch(client, f"{SHOP}/web", RESTART, fieldManager="krt")
    assert owner(cluster.get(*WEB), *RESTARTED_AT) == ["krt"]
    later = {"kubectl.kubernetes.io/restartedAt": "later"}
    cluster.patch(*WEB, {"spec": {"template": {"metadata": {"annotations": later}}}}, manager="kubectl-rollout")
    assert owner(cluster.get(*WEB), *RESTARTED_AT) == ["kubectl-rollout"]
    assert owner(cluster.get(*WEB), "spec", "replicas") == ["kubectl-create"]


async def test_without_a_field_manager_the_user_agent_names_it(cluster, client):
    await client.patch(f"{SHOP}/web", json=RESTART, headers=MERGE_PATCH | {"user-agent": "krt/1.0 (x)"})
    assert owner(cluster.get(*WEB), *RESTARTED_AT) == ["krt"]


async def test_a_replace_that_reverts_the_template_takes_the_field_from_its_owner(cluster, client):
    document = cluster.get(*WEB)
    del document["metadata"]["resourceVersion"], document["status"]
    await patch(client, f"{SHOP}/web", RESTART | {"metadata": {"annotations": {"krt/event": "x"}}}, fieldManager="krt")
    cluster.replace(*WEB, document | {"spec": document["spec"] | {"replicas": 4}}, manager="argocd")
    after = cluster.get(*WEB)
    assert owner(after, *RESTARTED_AT) == []
    assert owner(after, "spec", "replicas") == ["argocd"]
    assert after["status"]["replicas"] == 3


async def test_a_copy_that_was_got_is_the_callers_own(cluster):
    cluster.get(*WEB)["metadata"]["name"] = "spoilt"
    assert cluster.get(*WEB)["metadata"]["name"] == "web"


async def test_a_replace_with_a_stale_version_is_a_conflict(cluster):
    document = cluster.get(*WEB)
    cluster.patch(*WEB, RESTART)
    with pytest.raises(ApiRefusal) as refused:
        cluster.replace(*WEB, document)
    assert refused.value.code == 409


async def test_a_recreated_object_is_another_one(cluster):
    before = cluster.get(*WEB)
    cluster.delete(*WEB)
    cluster.add(sample_deployments()[0])
    assert cluster.get(*WEB)["metadata"]["uid"] != before["metadata"]["uid"]
    assert cluster.get(*WEB)["metadata"]["generation"] == 1
