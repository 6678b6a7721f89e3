"""A file published as a Secret on the real API server, and the restarts that it owes (H7 to H22)."""

import base64
from hashlib import sha256
from typing import Any

import pytest
import trio

from krt.core.delivery.pending_restarts import RESTART_PENDING
from krt.core.kube.workload import RESTARTED_AT
from krt.delivery.errors import DeliveryFailed, DeliveryRefused
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import ApiServer
from tests.delivery.runs import SECRET, Runs
from tests.fakes.polling import until_on_trio_clock

pytestmark = pytest.mark.apiserver

BIG = bytes(range(256)) * 2400  # 600 KiB
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def content_of(secret: dict[str, Any], key: str = "dist.tgz") -> bytes:
    return base64.b64decode(secret["data"][key])


def restarts_of(body: dict[str, Any]) -> str:
    return body["spec"]["template"]["metadata"].get("annotations", {}).get(RESTARTED_AT, "")


async def test_600_kib_are_kept_unchanged_and_without_the_annotation_of_kubectl(runs: Runs) -> None:
    assert await runs.publish(BIG) == []
    secret = await runs.secret()
    assert content_of(secret) == BIG
    assert secret["type"] == "Opaque"
    assert secret["metadata"]["annotations"] == {"hyops.bundle-sha256": sha256(BIG).hexdigest()}
    assert runs.told() == {f"apply Secret/{SECRET}": ("ready", "")}


async def test_a_change_restarts_the_named_target_alone_and_the_same_bytes_nothing(
    runs: Runs, kubelet: Kubelet
) -> None:
    await runs.server.apply(*(a_deployment(name, namespace=runs.namespace) for name in ("web", "other")))
    assert await runs.publish(b"one", "deployment/web") == ["deployment/web"]
    secret, web = await runs.secret(), await runs.server.get("Deployment", runs.namespace, "web")
    assert await runs.publish(b"one", "deployment/web") == []
    assert (await runs.secret())["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
    assert await runs.server.get("Deployment", runs.namespace, "web") == web
    assert await runs.publish(b"two", "deployment/web") == ["deployment/web"]
    after = await runs.server.get("Deployment", runs.namespace, "web")
    assert restarts_of(after) > restarts_of(web) > ""
    assert restarts_of(await runs.server.get("Deployment", runs.namespace, "other")) == ""
    assert RESTART_PENDING not in (await runs.secret())["metadata"]["annotations"]


async def test_every_kind_is_restarted_and_a_missing_target_is_skipped(runs: Runs, kubelet: Kubelet) -> None:
    await runs.server.apply(
        a_stateful_set("db", namespace=runs.namespace), a_daemon_set("log", namespace=runs.namespace)
    )
    targets = ("daemonset/log", "deployment/nobody", "statefulset/db")
    assert await runs.publish(b"one", *targets) == ["daemonset/log", "statefulset/db"]
    assert runs.told()["restart Deployment/nobody"] == ("skipped", "it is not there")


async def test_two_first_runs_at_one_moment_restart_the_target_once(runs: Runs, kubelet: Kubelet) -> None:
    """Both find no Secret before one writes it. Seen to fail: each apply was a change of its own, with its restart."""
    await runs.server.apply(a_deployment(namespace=runs.namespace))
    before = (await runs.server.get("Deployment", runs.namespace, "web"))["metadata"]["generation"]
    both, waiting = trio.Event(), list[Runs]()

    async def publish() -> None:
        one = Runs(runs.server, runs.namespace, runs.kubeconfig)

        async def wait_for_the_other() -> None:
            waiting.append(one)
            if len(waiting) == 2:
                both.set()
            await both.wait()

        await one.publish(b"one", "deployment/web", before_write=wait_for_the_other)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish)
        nursery.start_soon(publish)
    assert (await runs.server.get("Deployment", runs.namespace, "web"))["metadata"]["generation"] == before + 1
    assert RESTART_PENDING not in (await runs.secret())["metadata"]["annotations"]


async def test_what_an_earlier_run_still_owes_is_restarted_also_if_nobody_names_it(
    runs: Runs, kubelet: Kubelet
) -> None:
    """Seen to fail: it stayed on the list for ever."""
    await runs.server.apply(a_deployment(namespace=runs.namespace))
    kubelet.decide(Unready())
    with pytest.raises(DeliveryFailed, match="not ready within 1 s"):
        await runs.publish(b"one", "deployment/web", timeout_seconds=1)
    await runs.plan(b"one")
    assert runs.told()["restart Deployment/web"] == ("planned", "")
    kubelet.decide(Ready())
    assert await runs.publish(b"one") == ["deployment/web"]
    assert RESTART_PENDING not in (await runs.secret())["metadata"]["annotations"]


async def test_a_rollout_that_fails_says_why_and_the_next_run_restarts_what_is_owed(
    runs: Runs, kubelet: Kubelet
) -> None:
    await runs.server.apply(a_deployment(namespace=runs.namespace, progressDeadlineSeconds=1))
    kubelet.decide(Unready())
    with pytest.raises(DeliveryFailed, match=r"^deployment/web: .*has timed out progressing"):
        await runs.publish(b"one", "deployment/web")
    assert runs.told()["restart Deployment/web"][0] == "failed"
    assert content_of(await runs.secret()) == b"one"
    kubelet.decide(Ready())
    assert await runs.publish(b"one", "deployment/web") == ["deployment/web"]


async def test_a_rollout_that_takes_too_long_says_how_far_it_is(runs: Runs, kubelet: Kubelet) -> None:
    await runs.server.apply(a_deployment(namespace=runs.namespace))
    kubelet.decide(Unready())
    with pytest.raises(DeliveryFailed, match=r"^deployment/web: not ready within 1 s; . of 1 pods updated"):
        await runs.publish(b"one", "deployment/web", timeout_seconds=1)


async def test_a_secret_that_kubectl_made_is_taken_over_whole(runs: Runs) -> None:
    made = await runs.server.kubectl(
        "-n", runs.namespace, "create", "secret", "generic", SECRET, "--from-literal=dist.tgz=old", "--from-literal=b=c"
    )
    assert made.code == 0, made
    await runs.publish(b"one")
    assert (await runs.secret())["data"] == {"dist.tgz": base64.b64encode(b"one").decode()}


async def test_the_same_bytes_under_another_key_are_a_change_and_the_old_key_goes(runs: Runs, kubelet: Kubelet) -> None:
    await runs.server.apply(a_deployment(namespace=runs.namespace))
    await runs.publish(b"one", "deployment/web")
    assert await runs.publish(b"one", "deployment/web", key="site.tgz") == ["deployment/web"]
    assert set((await runs.secret())["data"]) == {"site.tgz"}


async def test_a_secret_of_another_type_is_refused_and_left(runs: Runs) -> None:
    tls = {"tls.crt": "", "tls.key": ""}
    metadata = {"namespace": runs.namespace, "name": SECRET}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": tls}
    [before] = await runs.server.apply(secret)
    with pytest.raises(DeliveryRefused, match=r"is of type kubernetes\.io/tls, which cannot be changed"):
        await runs.publish(b"one")
    assert await runs.secret() == before


async def test_a_missing_namespace_is_made_unless_that_is_not_wanted(apiserver: ApiServer) -> None:
    runs = Runs(apiserver, "made-by-krt", apiserver.control_plane.kubeconfig)
    with pytest.raises(DeliveryRefused, match=r"^the namespace made-by-krt does not exist: create it"):
        await runs.publish(b"one", ensure_namespace=False)
    await runs.publish(b"one")
    assert content_of(await runs.secret()) == b"one"
    assert list(runs.told()) == ["apply Namespace/made-by-krt", f"apply Secret/{SECRET}"]
    await apiserver.delete_namespace("made-by-krt")


async def test_unpublish_deletes_the_secret_and_again_is_well_and_a_foreign_one_stays(runs: Runs) -> None:
    await runs.publish(b"one")
    await runs.unpublish()
    await runs.unpublish()
    assert runs.told() == {f"delete Secret/{SECRET}": ("ready", "it was not there")}
    metadata = {"namespace": runs.namespace, "name": SECRET}
    await runs.server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    with pytest.raises(DeliveryRefused, match="was not published by krt"):
        await runs.unpublish()
    assert await runs.secret()


HOLD = '{"metadata": {"finalizers": ["acme.com/hold"]}}'
LET_GO = '{"metadata": {"finalizers": null}}'


async def test_unpublish_waits_for_finalizers_and_names_them_if_they_take_too_long(runs: Runs) -> None:
    """Seen to fail: it said `deleted` while the Secret was there."""
    await runs.publish(b"one")
    patch = ("-n", runs.namespace, "patch", "secret", SECRET, "-p")
    assert (await runs.server.kubectl(*patch, HOLD)).code == 0
    with pytest.raises(DeliveryFailed, match=r"^Secret .*: not gone within 1 s; its .*; finalizers: acme\.com/hold$"):
        await runs.unpublish(timeout_seconds=1)
    assert runs.told()[f"delete Secret/{SECRET}"][0] == "failed"
    await runs.server.kubectl(*patch, LET_GO)


async def test_unpublish_asks_where_it_may_not_watch_and_says_so_once(runs: Runs) -> None:
    await runs.publish(b"one")
    account = await runs.server.account(
        runs.namespace, "deleter", [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "delete"]}]
    )
    patch = ("-n", runs.namespace, "patch", "secret", SECRET, "-p")
    assert (await runs.server.kubectl(*patch, HOLD)).code == 0
    others = Runs(runs.server, runs.namespace, account.kubeconfig)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(others.unpublish)
        await until_on_trio_clock(lambda: bool(others.notes))
        await runs.server.kubectl(*patch, LET_GO)
    [note] = others.notes
    assert note.startswith("krt may not watch secrets")
    assert note.endswith("; it asks every 2 s instead")


async def test_a_secret_that_is_deleted_while_it_is_written_is_made_anew(runs: Runs) -> None:
    await runs.publish(b"one")

    async def delete() -> None:
        await runs.server.request("DELETE", f"/api/v1/namespaces/{runs.namespace}/secrets/{SECRET}")

    await runs.publish(b"two", before_write=delete)
    assert content_of(await runs.secret()) == b"two"
    assert runs.told() == {f"apply Secret/{SECRET}": ("ready", "")}


async def test_a_secret_that_is_deleted_while_it_is_taken_over_is_made_anew(runs: Runs) -> None:
    """Seen to fail with NotThere."""
    made = await runs.server.kubectl("-n", runs.namespace, "create", "secret", "generic", SECRET, "--from-literal=a=b")
    assert made.code == 0, made

    async def delete() -> None:
        await runs.server.request("DELETE", f"/api/v1/namespaces/{runs.namespace}/secrets/{SECRET}")

    await runs.publish(b"two", before_write=delete)
    assert set((await runs.secret())["data"]) == {"dist.tgz"}


async def test_a_secret_that_is_changed_while_it_is_written_is_read_again(runs: Runs) -> None:
    await runs.publish(b"one")

    async def change() -> None:
        annotated = await runs.server.kubectl("-n", runs.namespace, "annotate", "secret", SECRET, "a=b")
        assert annotated.code == 0, annotated

    await runs.publish(b"two", before_write=change)
    secret = await runs.secret()
    assert content_of(secret) == b"two"
    assert secret["metadata"]["annotations"]["a"] == "b"


async def test_a_terminating_namespace_ends_it_with_the_servers_sentence(runs: Runs) -> None:
    finalizer = {"metadata": {"name": "held", "namespace": runs.namespace, "finalizers": ["acme.com/hold"]}}
    held = {"apiVersion": "v1", "kind": "ConfigMap", **finalizer}
    await runs.server.apply(held)
    await runs.server.request("DELETE", f"/api/v1/namespaces/{runs.namespace}")
    try:
        with pytest.raises(DeliveryFailed, match="because it is being terminated"):
            await runs.publish(b"one")
    finally:
        held["metadata"] = {**finalizer["metadata"], "finalizers": []}
        await runs.server.apply(held)


async def test_an_immutable_secret_with_other_bytes_is_refused_and_one_with_the_same_is_left(runs: Runs) -> None:
    await runs.publish(b"one")
    patched = '{"immutable": true}'
    made = await runs.server.kubectl("-n", runs.namespace, "patch", "secret", SECRET, "-p", patched)
    assert made.code == 0, made
    before = await runs.secret()
    await runs.publish(b"one")
    with pytest.raises(DeliveryRefused, match="is immutable and holds other bytes"):
        await runs.publish(b"two")
    assert await runs.secret() == before


async def test_data_edited_by_hand_are_put_right_and_the_target_restarts(runs: Runs, kubelet: Kubelet) -> None:
    await runs.server.apply(a_deployment(namespace=runs.namespace))
    await runs.publish(b"one", "deployment/web")
    patched = '{"stringData": {"dist.tgz": "by hand"}}'
    assert (await runs.server.kubectl("-n", runs.namespace, "patch", "secret", SECRET, "-p", patched)).code == 0
    assert await runs.publish(b"one", "deployment/web") == ["deployment/web"]
    assert content_of(await runs.secret()) == b"one"


async def test_a_paused_target_is_stamped_and_warned_about(runs: Runs, kubelet: Kubelet) -> None:
    await runs.server.apply(a_deployment(namespace=runs.namespace, paused=True))
    assert await runs.publish(b"one", "deployment/web") == ["deployment/web"]
    assert runs.told()["restart Deployment/web"] == (
        "skipped",
        "the rollout is paused: it goes on after `kubectl rollout resume`",
    )
    assert RESTART_PENDING not in (await runs.secret())["metadata"]["annotations"]
