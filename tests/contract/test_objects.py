"""Reading and writing objects of any kind, on the real API server."""

import json
from typing import Any

import pytest

from krt.cluster.access import http_client, load_access
from krt.cluster.object_errors import (
    FieldConflict,
    InvalidField,
    NotServed,
    ObjectInvalid,
    ObjectTooLarge,
    OwnedField,
    PreconditionFailed,
)
from krt.cluster.objects import apply, delete, merge, patch, read
from krt.cluster.transport import Transport
from krt.core.kube.builtin import SECRET
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import NAMESPACE, Resource
from krt.errors import ClusterDenied, ClusterRefused, Conflict, NotThere
from tests.apiserver.server import ApiServer
from tests.contract.manifests import CLUSTER_ROLE, CONFIG_MAP, QUOTA, SERVICE, a_config_map, an_object


@pytest.fixture
def key(namespace: str) -> ObjectKey:
    return CONFIG_MAP.key(namespace, "settings")


async def put(transport: Transport, key: ObjectKey, *, manager: str = "krt-1", **data: str) -> dict[str, Any]:
    return (await apply(transport, CONFIG_MAP, key, a_config_map(key, **data), manager=manager)).body


async def test_an_apply_makes_an_object_then_changes_it_and_takes_back_what_is_left_out(transport, key) -> None:
    made = await apply(transport, CONFIG_MAP, key, a_config_map(key, a="1", b="2"), manager="krt-1")
    assert made.is_new
    changed = await apply(transport, CONFIG_MAP, key, a_config_map(key, a="3"), manager="krt-1")
    assert not changed.is_new
    assert changed.body["data"] == {"a": "3"}
    assert await read(transport, CONFIG_MAP, key) == changed.body
    assert "kubectl.kubernetes.io/last-applied-configuration" not in str(changed.body)


async def test_an_apply_that_changes_nothing_leaves_the_version(transport, key) -> None:
    before = await put(transport, key, a="1")
    after = await apply(transport, CONFIG_MAP, key, a_config_map(key, a="1"), manager="krt-1")
    assert not after.is_new
    assert after.body["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_dry_run_says_what_would_be_and_changes_nothing(transport, key) -> None:
    """Seen to fail with `dryRun` in the query of a deletion that has a body: the object was gone."""
    would = await apply(transport, CONFIG_MAP, key, a_config_map(key, a="1"), manager="krt-1", dry_run=True)
    assert would.is_new
    with pytest.raises(NotThere):
        await read(transport, CONFIG_MAP, key)
    made = await put(transport, key, a="1")
    assert await delete(transport, CONFIG_MAP, key, uid=made["metadata"]["uid"], dry_run=True)
    assert await read(transport, CONFIG_MAP, key) == made


async def test_a_conflict_names_managers_and_fields_and_force_takes_them_over(transport, key) -> None:
    await put(transport, key, manager='al"ice', v="1", w="1")
    await put(transport, key, manager="bob", x="1")
    with pytest.raises(FieldConflict, match=r"Apply failed with 2 conflicts") as refused:
        await put(transport, key, v="2", x="2")
    assert set(refused.value.fields) == {OwnedField('al"ice', ".data.v"), OwnedField("bob", ".data.x")}
    forced = await apply(transport, CONFIG_MAP, key, a_config_map(key, v="2", x="2"), manager="krt-1", force=True)
    assert forced.body["data"] == {"v": "2", "w": "1", "x": "2"}


async def test_an_apply_at_another_version_is_a_conflict(transport, key) -> None:
    before = await put(transport, key, a="1")
    await put(transport, key, a="2")
    stale = a_config_map(key, a="3")
    stale["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
    with pytest.raises(Conflict, match="the object has been modified") as refused:
        await apply(transport, CONFIG_MAP, key, stale, manager="krt-1")
    assert type(refused.value) is Conflict


async def test_a_patch_is_guarded_by_the_version_that_it_puts(transport, key) -> None:
    before = await put(transport, key, a="1")
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": before["metadata"]["resourceVersion"]}
    taken = [version, {"op": "remove", "path": "/data/a"}]
    after = await patch(transport, CONFIG_MAP, key, taken, manager="krt-1")
    assert "a" not in after.get("data", {})
    with pytest.raises(Conflict, match="the object has been modified"):
        await patch(transport, CONFIG_MAP, key, [version, {"op": "add", "path": "/data", "value": {}}], manager="krt-1")
    with pytest.raises(ObjectInvalid):
        await patch(transport, CONFIG_MAP, key, [{"op": "test", "path": "/data/a", "value": "1"}], manager="krt-1")


async def test_a_merge_patch_removes_by_null_and_is_guarded_by_the_version_in_it(transport, key) -> None:
    before = await put(transport, key, a="1", b="2")
    metadata = {"resourceVersion": before["metadata"]["resourceVersion"], "annotations": {"who": "me"}}
    after = await merge(transport, CONFIG_MAP, key, {"metadata": metadata, "data": {"a": None}}, manager="krt-1")
    assert after["data"] == {"b": "2"}
    assert after["metadata"]["annotations"]["who"] == "me"
    with pytest.raises(Conflict, match="the object has been modified"):
        await merge(transport, CONFIG_MAP, key, {"metadata": metadata, "data": {"b": None}}, manager="krt-1")


async def test_an_object_that_was_made_anew_is_not_deleted(transport, key) -> None:
    """Seen to fail without the precondition."""
    before = await put(transport, key, a="1")
    uid = before["metadata"]["uid"]
    assert await delete(transport, CONFIG_MAP, key, uid=uid)
    anew = await put(transport, key, a="1")
    with pytest.raises(PreconditionFailed, match=rf"UID in the precondition \({uid}\) does not match"):
        await delete(transport, CONFIG_MAP, key, uid=uid)
    assert await read(transport, CONFIG_MAP, key) == anew


async def test_what_has_a_finalizer_is_not_gone_yet(transport, key) -> None:
    body = a_config_map(key)
    body["metadata"]["finalizers"] = ["example.com/wait"]
    made = (await apply(transport, CONFIG_MAP, key, body, manager="krt-1")).body
    uid = made["metadata"]["uid"]
    assert not await delete(transport, CONFIG_MAP, key, uid=uid)
    assert (await read(transport, CONFIG_MAP, key))["metadata"]["deletionTimestamp"]
    await put(transport, key)
    with pytest.raises(NotThere):
        await delete(transport, CONFIG_MAP, key, uid=uid)


NOWHERE = Resource("nobody.example.com", "v1", "Thing", "things")
NO_SUCH_VERSION = Resource("apps", "v1beta1", "Deployment", "deployments")
NO_SUCH_KIND = Resource("apps", "v1", "Thing", "things")


@pytest.mark.parametrize("resource", [NOWHERE, NO_SUCH_VERSION, NO_SUCH_KIND])
async def test_a_kind_that_is_not_served_is_told_from_an_object_that_is_not_there(
    transport, namespace: str, resource: Resource
) -> None:
    key = resource.key(namespace, "it")
    for call in (
        read(transport, resource, key),
        apply(transport, resource, key, an_object(resource, key), manager="krt-1"),
        delete(transport, resource, key, uid="x"),
    ):
        with pytest.raises(NotServed, match=f"serves no {resource.kind} of {resource.api_version}$"):
            await call


async def test_what_is_not_there_is_named_by_the_server(transport, key) -> None:
    with pytest.raises(NotThere, match='configmaps "settings" not found') as missing:
        await read(transport, CONFIG_MAP, key)
    assert type(missing.value) is NotThere
    elsewhere = CONFIG_MAP.key("nowhere", "settings")
    with pytest.raises(NotThere, match='namespaces "nowhere" not found') as missing:
        await apply(transport, CONFIG_MAP, elsewhere, a_config_map(elsewhere), manager="krt-1")
    assert type(missing.value) is NotThere


async def test_who_may_not_is_denied_in_the_servers_words(apiserver: ApiServer, namespace: str, key) -> None:
    account = await apiserver.account(namespace, "reader")
    server, credentials = load_access(account.kubeconfig)
    async with http_client(server, connections=1) as client:
        theirs = Transport(client, credentials)
        with pytest.raises(ClusterDenied, match='cannot get resource "configmaps"'):
            await read(theirs, CONFIG_MAP, key)
        with pytest.raises(ClusterDenied, match='cannot patch resource "configmaps"'):
            await apply(theirs, CONFIG_MAP, key, a_config_map(key), manager="krt-1")


async def test_a_quota_refuses_for_good(transport, key) -> None:
    quota, service = QUOTA.key(key.namespace, "none"), SERVICE.key(key.namespace, "web")
    none = {"hard": {"services": "0"}}
    await apply(transport, QUOTA, quota, an_object(QUOTA, quota, spec=none), manager="krt-1")
    await transport.call(  # as the quota's controller does, which does not run here
        "PATCH",
        f"{QUOTA.object_path(quota.namespace, quota.name)}/status",
        content=json.dumps({"status": none | {"used": {"services": "0"}}}).encode(),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    body = an_object(SERVICE, service, spec={"ports": [{"port": 80}]})
    with pytest.raises(ClusterRefused, match="exceeded quota"):
        await apply(transport, SERVICE, service, body, manager="krt-1")


async def test_a_namespace_that_ends_takes_nothing_new(apiserver: ApiServer, transport) -> None:
    name = await apiserver.create_namespace()
    made = await read(transport, NAMESPACE, NAMESPACE.key("", name))
    held = CONFIG_MAP.key(name, "held")
    body = a_config_map(held)
    body["metadata"]["finalizers"] = ["example.com/wait"]
    await apply(transport, CONFIG_MAP, held, body, manager="krt-1")
    assert not await delete(transport, NAMESPACE, NAMESPACE.key("", name), uid=made["metadata"]["uid"])
    new = CONFIG_MAP.key(name, "new")
    with pytest.raises(ClusterRefused, match="it is being terminated"):
        await apply(transport, CONFIG_MAP, new, a_config_map(new), manager="krt-1")
    await put(transport, held)


async def test_an_invalid_object_is_told_with_every_cause(transport, namespace: str) -> None:
    key = SERVICE.key(namespace, "web")
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 70_000}]
    with pytest.raises(ObjectInvalid, match=r'422 Invalid: Service "web" is invalid') as refused:
        await apply(transport, SERVICE, key, an_object(SERVICE, key, spec={"ports": ports}), manager="krt-1")
    assert (
        InvalidField("spec.ports[1].port", "Invalid value: 70000: must be between 1 and 65535, inclusive")
        in refused.value.fields
    )


async def test_a_field_that_the_kind_does_not_have_is_refused(transport, key) -> None:
    """Seen to fail with the API server's own 500, which was taken for one that passes."""
    body = a_config_map(key) | {"dta": {"a": "b"}}
    with pytest.raises(ObjectInvalid, match=r"\.dta: field not declared in schema"):
        await apply(transport, CONFIG_MAP, key, body, manager="krt-1")


async def test_names_with_colons_and_other_signs_lead_to_the_object_and_no_other(transport) -> None:
    key = CLUSTER_ROLE.key("", "krt:test:reader ?#&=+ü")
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    made = (await apply(transport, CLUSTER_ROLE, key, an_object(CLUSTER_ROLE, key, rules=rules), manager="krt-1")).body
    assert made["metadata"]["name"] == key.name
    assert await read(transport, CLUSTER_ROLE, key) == made
    assert await delete(transport, CLUSTER_ROLE, key, uid=made["metadata"]["uid"])


@pytest.mark.parametrize("name", ["", ".", "..", "a/status", "a%2Fstatus", "a\nb"])
async def test_no_name_leads_to_another_path(transport, namespace: str, name: str) -> None:
    """Seen to fail with the name as it is: `..` deleted the namespace, and an empty name every ConfigMap in it."""
    made = await read(transport, NAMESPACE, NAMESPACE.key("", namespace))
    with pytest.raises(ClusterRefused, match="no object has the name"):
        await delete(transport, CONFIG_MAP, CONFIG_MAP.key(namespace, name), uid=made["metadata"]["uid"])
    assert "deletionTimestamp" not in (await read(transport, NAMESPACE, NAMESPACE.key("", namespace)))["metadata"]


async def test_a_mebibyte_goes_through_and_what_no_server_takes_is_not_sent(transport, namespace: str) -> None:
    key = SECRET.key(namespace, "bundle")
    body = an_object(SECRET, key, type="Opaque", data={"dist.tgz": "QUJD" * (1024 * 1024 // 3)})
    assert (await apply(transport, SECRET, key, body, manager="krt-1")).body["data"] == body["data"]
    body["data"] = {"dist.tgz": "QUJD" * 1024 * 1024}
    with pytest.raises(ObjectTooLarge, match=r"has \d+ bytes; an API server takes 3145728 at most"):
        await apply(transport, SECRET, key, body, manager="krt-1")
