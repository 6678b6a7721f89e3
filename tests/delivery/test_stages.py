"""Objects that need one another, on the real API server: applied in order, waited for, deleted in the reverse order."""

from uuid import uuid4

import pytest
import trio

from krt.cluster.objects import Body
from krt.core.delivery.pruning import Extent
from krt.delivery.order import End
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment
from tests.apiserver.pods import Unready
from tests.delivery.cluster import Cluster, reasons, states

pytestmark = pytest.mark.apiserver


def a_definition(group: str) -> Body:
    """Of the kind Widget."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def a_widget(group: str, namespace: str) -> Body:
    metadata = {"name": "one", "namespace": namespace}
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": metadata, "spec": {"size": 1}}


def a_namespace(name: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def test_a_definition_and_its_object_and_a_namespace_and_its_object_come_in_one_delivery(
    cluster: Cluster,
) -> None:
    unique = uuid4().hex[:8]
    group, namespace = f"a{unique}.example.com", f"test-{unique}"
    inside = {**cluster.config_map("inside", v="1"), "metadata": {"name": "inside", "namespace": namespace}}
    bundle = (a_widget(group, namespace), inside, a_definition(group), a_namespace(namespace))
    made = await cluster.deliver(*bundle, inventory_namespace=namespace)
    assert made.end is End.READY, reasons(made)
    assert not [each for each in cluster.requests if "dryRun" in each and "/inside" in each]  # it cannot be there
    assert {state for _, state, _ in states(made).values()} == {"ready"}
    applied = [each.partition("?")[0].rpartition("/")[2] for each in cluster.writes if "force=" in each]
    assert applied[:2] == [namespace, f"widgets.{group}"]
    assert set(applied[2:]) == {"inside", "one"}
    again = await cluster.deliver(*bundle, inventory_namespace=namespace)
    assert {change for _, _, change in states(again).values()} == {"unchanged"}
    assert len(cluster.requests) <= len(bundle) + 2, cluster.requests
    gone = await cluster.destroy_in(namespace)
    assert gone.end is End.READY, reasons(gone)
    deleted = [each.rpartition("/")[2] for each in cluster.requests if each.startswith("DELETE")]
    assert deleted[:4] == ["one", "inside", f"widgets.{group}", namespace]


async def test_a_namespace_with_foreign_objects_stays_and_says_so(cluster: Cluster) -> None:
    namespace = f"test-{uuid4().hex[:8]}"
    await cluster.deliver(a_namespace(namespace))
    made = await cluster.server.kubectl("create", "configmap", "mine", "-n", namespace, "--from-literal=a=1")
    assert made.code == 0, made
    kept = await cluster.destroy()
    assert kept.end is End.READY
    assert reasons(kept)[namespace] == f"it holds objects of others: ConfigMap {namespace}/mine"
    await cluster.server.kubectl("delete", "configmap", "mine", "-n", namespace)
    assert states(await cluster.destroy())[namespace] == ("delete", "ready", "deleted")


async def test_a_namespace_that_was_there_before_is_left(cluster: Cluster) -> None:
    adopted = await cluster.deliver(a_namespace(cluster.namespace))
    assert adopted.end is End.READY
    assert reasons(await cluster.destroy(extent=Extent.EVERYTHING)) == {
        cluster.namespace: "it was there before krt applied it"
    }


async def test_a_missing_namespace_or_kind_is_a_refusal_and_nothing_is_written(cluster: Cluster) -> None:
    elsewhere = {**cluster.config_map("b", v="1"), "metadata": {"name": "b", "namespace": "no-such-namespace"}}
    refused = await cluster.deliver(cluster.config_map("a"), elsewhere, a_widget("no.example.com", cluster.namespace))
    assert refused.end is End.DENIED
    assert cluster.writes == []
    assert 'namespaces "no-such-namespace" not found' in reasons(refused)["b"]
    assert reasons(refused)["one"] == "the API server serves no Widget of no.example.com/v1"


async def test_an_ensured_namespace_is_created_and_survives_its_owner(cluster: Cluster) -> None:
    namespace = f"test-{uuid4().hex[:8]}"
    inside = {**cluster.config_map("inside", v="1"), "metadata": {"name": "inside", "namespace": namespace}}
    ensured = cluster.order(a_namespace(namespace)).manifests
    made = await cluster.deliver(inside, ensured=ensured, inventory_namespace=namespace)
    assert made.end is End.READY, reasons(made)
    assert states(made) == {"inside": ("apply", "ready", "created")}
    assert (await cluster.destroy_in(namespace)).end is End.READY
    assert (await cluster.server.request("GET", f"/api/v1/namespaces/{namespace}"))["status"]["phase"] == "Active"


async def test_a_rollout_is_waited_for(cluster: Cluster, kubelet: Kubelet) -> None:
    web = a_deployment(namespace=cluster.namespace, replicas=2)
    made = await cluster.deliver(web)
    assert made.end is End.READY, reasons(made)
    assert (await cluster.get("Deployment", "web", "apps/v1"))["status"]["availableReplicas"] == 2
    assert [each for each in cluster.requests if "watch=true" in each], cluster.requests
    polled = [each for each in cluster.requests if each.startswith("GET") and each.endswith("/deployments/web")]
    assert polled == []
    watched = len(cluster.requests)
    again = await cluster.deliver(web)
    assert states(again)["web"] == ("apply", "ready", "unchanged")
    assert len(cluster.requests) == 2 < watched, cluster.requests


async def test_a_rollout_that_fails_ends_the_wait_and_nothing_is_pruned(cluster: Cluster, kubelet: Kubelet) -> None:
    await cluster.deliver(cluster.config_map("old", v="1"))
    kubelet.decide(Unready())
    bad = a_deployment("bad", namespace=cluster.namespace, progressDeadlineSeconds=1)
    slow = a_deployment("slow", namespace=cluster.namespace)
    began = trio.current_time()
    failed = await cluster.deliver(bad, slow, timeout_seconds=60)
    assert failed.end is End.FAILED
    assert trio.current_time() - began < 30
    assert "has timed out progressing" in reasons(failed)["bad"]
    assert await cluster.exists("ConfigMap", "old")
    assert all(not each.startswith("DELETE") for each in cluster.requests)


async def test_at_the_time_out_each_object_that_is_not_ready_is_named_with_its_reason(
    cluster: Cluster, kubelet: Kubelet
) -> None:
    kubelet.decide(Unready())
    late = await cluster.deliver(
        a_deployment(namespace=cluster.namespace), cluster.config_map("a", v="1"), timeout_seconds=3
    )
    assert late.end is End.FAILED
    assert reasons(late)[""] == "not ready within 3 s"
    assert reasons(late)["web"].startswith("not ready within 3 s; 1 of 1 pods updated, 0 available")
    assert states(late)["a"] == ("apply", "ready", "created")
    assert late.report.is_final


async def test_a_change_of_a_running_rollout_waits_for_the_new_pods(cluster: Cluster, kubelet: Kubelet) -> None:
    await cluster.deliver(a_deployment(namespace=cluster.namespace))
    changed = await cluster.deliver(a_deployment(image="ghcr.io/acme/shop:2", namespace=cluster.namespace))
    assert changed.end is End.READY
    live = await cluster.get("Deployment", "web", "apps/v1")
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
    assert live["status"]["updatedReplicas"] == 1
