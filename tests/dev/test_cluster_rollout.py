import pytest
import trio

from krt.dev.cluster import StandInCluster, deployment, sample_deployments
from krt.dev.cluster.kinds import DEPLOYMENT
from krt.dev.cluster.progress import Pods, advance
from tests.dev.cluster_client import RESTART, WEB

COUNTS = ("replicas", "updatedReplicas", "availableReplicas", "unavailableReplicas")


def counts(document):
    return tuple(document["status"].get(name, 0) for name in COUNTS)


def condition(document, kind):
    (found,) = [entry for entry in document["status"]["conditions"] if entry["type"] == kind]
    return found["status"], found["reason"]


async def steps(cluster, name, *, most=50):
    """The object after each step that changed it."""
    seen = [cluster.get(*name)]
    for _ in range(most):
        await cluster.step_rollouts()
        if cluster.get(*name) != seen[-1]:
            seen.append(cluster.get(*name))
    return seen[1:]


async def test_a_restart_is_observed_first_then_surges_then_replaces_until_all_is_new(cluster):
    cluster.patch(*WEB, RESTART)
    seen = await steps(cluster, WEB)
    assert [counts(document) for document in seen] == [
        (3, 0, 3, 1),  # the controller counts as unavailable what it has just asked for
        (4, 1, 3, 1),
        (4, 1, 4, 0),
        (3, 1, 3, 1),
        (4, 2, 3, 1),
        (4, 2, 4, 0),
        (3, 2, 3, 1),
        (4, 3, 3, 1),
        (4, 3, 4, 0),
        (3, 3, 3, 0),
        (3, 3, 3, 0),
    ]
    assert [document["status"]["terminatingReplicas"] for document in seen] == [0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0]
    reasons = [condition(document, "Progressing")[1] for document in seen]
    assert reasons == ["NewReplicaSetCreated", *["ReplicaSetUpdated"] * 8, *["NewReplicaSetAvailable"] * 2]
    assert all(document["status"]["observedGeneration"] == 2 for document in seen)
    assert all(document["metadata"]["generation"] == 2 for document in seen)
    assert cluster.get(*WEB)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


async def test_the_old_status_stands_until_the_controller_has_looked(cluster):
    patched = cluster.patch(*WEB, RESTART)
    assert patched["status"]["observedGeneration"] < patched["metadata"]["generation"]
    assert condition(patched, "Progressing")[1] == "NewReplicaSetAvailable"


async def test_a_new_template_is_announced_by_a_status_that_is_not_of_its_generation(cluster):
    versions = cluster.store.number
    cluster.patch(*WEB, RESTART)
    await cluster.step_rollouts()
    documents = [change.version.document() for change in cluster.store.table(DEPLOYMENT).history][-3:]
    assert cluster.store.number == versions + 3
    assert [document["status"]["observedGeneration"] for document in documents] == [1, 1, 2]
    assert [condition(document, "Progressing")[1] for document in documents] == [
        "NewReplicaSetAvailable",
        "NewReplicaSetCreated",
        "NewReplicaSetCreated",
    ]


async def test_status_is_the_controllers_in_managed_fields(cluster):
    cluster.patch(*WEB, RESTART)
    await steps(cluster, WEB)
    (entry,) = [e for e in cluster.get(*WEB)["metadata"]["managedFields"] if e.get("subresource")]
    assert (entry["manager"], entry["subresource"]) == ("kube-controller-manager", "status")


async def test_a_rollout_that_fails_ends_with_its_deadline_exceeded(cluster, autojump_clock):
    preview = ("Deployment", "blog", "preview")
    cluster.patch(*preview, RESTART)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cluster.roll_out)
        await trio.sleep(9)
        assert condition(cluster.get(*preview), "Progressing") == ("True", "ReplicaSetUpdated")
        await trio.sleep(9)
        nursery.cancel_scope.cancel()
    failed = cluster.get(*preview)
    assert condition(failed, "Progressing") == ("False", "ProgressDeadlineExceeded")
    assert condition(failed, "Available") == ("True", "MinimumReplicasAvailable")
    assert counts(failed) == (2, 1, 1, 1)


async def test_a_restart_after_a_failed_one_starts_afresh(cluster, autojump_clock):
    preview = ("Deployment", "blog", "preview")
    cluster.patch(*preview, RESTART)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cluster.roll_out)
        await trio.sleep(20)
        cluster.patch(*preview, {"metadata": {"annotations": {"stand-in/rollout": None}}})
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert condition(cluster.get(*preview), "Progressing") == ("True", "NewReplicaSetAvailable")


async def test_a_rollout_takes_its_steps_in_their_seconds(autojump_clock):
    cluster = StandInCluster(sample_deployments(), step_seconds=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cluster.roll_out)
        await trio.sleep(100)
        cluster.patch(*WEB, RESTART)
        await trio.sleep(19)
        assert condition(cluster.get(*WEB), "Progressing")[1] == "ReplicaSetUpdated"
        await trio.sleep(2)
        assert condition(cluster.get(*WEB), "Progressing")[1] == "NewReplicaSetAvailable"
        nursery.cancel_scope.cancel()


async def test_a_restart_during_a_rollout_begins_it_again(cluster):
    cluster.patch(*WEB, RESTART)
    for _ in range(6):
        await cluster.step_rollouts()
    cluster.patch(*WEB, {"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}})
    seen = await steps(cluster, WEB)
    assert counts(seen[0])[1] == 0
    assert counts(seen[-1]) == (3, 3, 3, 0)


async def test_an_annotation_of_its_own_is_observed_and_replaces_no_pod(cluster):
    cluster.patch(*WEB, {"metadata": {"annotations": {"a": "b"}}})
    seen = await steps(cluster, WEB)
    assert [counts(document) for document in seen] == [(3, 3, 3, 0)]
    assert seen[0]["status"]["observedGeneration"] == seen[0]["metadata"]["generation"] == 2


async def test_a_paused_one_is_observed_and_waits(cluster):
    cluster.patch(*WEB, {"spec": {"paused": True}} | RESTART)
    cluster.patch(*WEB, RESTART | {"spec": RESTART["spec"] | {"paused": True}})
    seen = await steps(cluster, WEB)
    assert condition(seen[-1], "Progressing") == ("Unknown", "DeploymentPaused")
    assert seen[-1]["status"]["observedGeneration"] == seen[-1]["metadata"]["generation"]
    assert counts(seen[-1])[1] == 0
    cluster.patch(*WEB, {"spec": {"paused": None}})
    assert counts((await steps(cluster, WEB))[-1]) == (3, 3, 3, 0)


@pytest.mark.parametrize("replicas", [0, 1, 2, 7, 40])
async def test_it_ends_at_the_replicas_that_are_wanted(replicas):
    cluster = StandInCluster([deployment("web", "shop", "nginx", replicas=replicas)])
    cluster.patch(*WEB, RESTART)
    seen = await steps(cluster, WEB)
    assert counts(seen[-1]) == (replicas, replicas, replicas, 0)
    assert condition(seen[-1], "Progressing")[1] == "NewReplicaSetAvailable"
    assert len(seen) <= 15


@pytest.mark.parametrize("replicas", [0, 1, 5])
async def test_scaling_replaces_no_pod(cluster, replicas):
    cluster.patch(*WEB, {"spec": {"replicas": replicas}})
    seen = await steps(cluster, WEB)
    assert counts(seen[-1]) == (replicas, replicas, replicas, 0)
    assert cluster.get(*WEB)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


async def test_a_created_one_comes_up(cluster):
    document = deployment("new", "shop", "nginx", replicas=3)
    del document["status"]
    cluster.add(document)
    seen = await steps(cluster, ("Deployment", "shop", "new"))
    assert [counts(document) for document in seen] == [(0, 0, 0, 3), (3, 3, 0, 3), (3, 3, 3, 0)]
    assert condition(seen[0], "Available")[0] == "False"


async def test_one_that_is_deleted_while_it_rolls_is_let_go(cluster):
    cluster.patch(*WEB, RESTART)
    await cluster.step_rollouts()
    cluster.delete(*WEB)
    await cluster.step_rollouts()
    cluster.add(sample_deployments()[0])
    assert await steps(cluster, WEB) == []


def workload(kind, **spec):
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "db", "image": "postgres:17"}]}}
    metadata = {"name": "db", "namespace": "shop"}
    return {
        "kind": kind,
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": labels}, "template": template} | spec,
    }


async def test_a_stateful_set_replaces_one_pod_after_the_other():
    cluster, name = StandInCluster([workload("StatefulSet", replicas=2)]), ("StatefulSet", "shop", "db")
    await steps(cluster, name)
    before = cluster.get(*name)["status"]
    assert (before["readyReplicas"], before["currentRevision"]) == (2, before["updateRevision"])
    cluster.patch(*name, RESTART)
    seen = [document["status"] for document in await steps(cluster, name)]
    numbers = [(s["replicas"], s.get("updatedReplicas", 0), s.get("readyReplicas", 0)) for s in seen]
    assert numbers == [(2, 0, 2), (1, 0, 1), (2, 1, 1), (2, 1, 2), (1, 1, 1), (2, 2, 1), (2, 2, 2)]
    assert all(s["updateRevision"] != before["updateRevision"] for s in seen)
    assert [s["currentRevision"] == s["updateRevision"] for s in seen] == [False] * 6 + [True]


async def test_a_daemon_set_replaces_the_pod_of_one_node_after_the_other():
    cluster, name = StandInCluster([workload("DaemonSet")]), ("DaemonSet", "shop", "db")
    await steps(cluster, name)
    cluster.patch(*name, RESTART)
    seen = [document["status"] for document in await steps(cluster, name)]
    assert all(s["desiredNumberScheduled"] == 2 for s in seen)
    updated = [s.get("updatedNumberScheduled", 0) for s in seen]
    assert updated == sorted(updated)
    assert (seen[-1]["updatedNumberScheduled"], seen[-1]["numberAvailable"]) == (2, 2)
    assert seen[-1].get("numberUnavailable", 0) == 0


@pytest.mark.parametrize(
    ("kind", "updated"), [("StatefulSet", "updatedReplicas"), ("DaemonSet", "updatedNumberScheduled")]
)
async def test_on_delete_nothing_is_replaced_until_somebody_deletes(kind, updated):
    cluster, name = StandInCluster([workload(kind, updateStrategy={"type": "RollingUpdate"})]), (kind, "shop", "db")
    await steps(cluster, name)
    cluster.patch(*name, RESTART | {"spec": RESTART["spec"] | {"updateStrategy": {"type": "OnDelete"}}})
    seen = await steps(cluster, name)
    assert seen[-1]["status"]["observedGeneration"] == seen[-1]["metadata"]["generation"]
    assert updated not in seen[-1]["status"]


@pytest.mark.parametrize("surge", [True, False])
@pytest.mark.parametrize("desired", range(1, 12))
def test_never_are_fewer_available_than_the_strategy_allows(surge, desired):
    pods = Pods(desired, 0, 0)
    for _ in range(100):
        pods = advance(pods, desired, surge=surge, fails=False)
        assert pods.available >= desired - (0 if surge else 1)
        assert pods.total <= desired + (-(-desired // 4) if surge else 0)
    assert pods == Pods(0, desired, desired)


async def test_a_label_set_meanwhile_does_not_disturb_a_rollout(cluster):
    cluster.patch(*WEB, RESTART)
    cluster.patch(*WEB, {"metadata": {"labels": {"touched": "1"}}})
    await cluster.step_rollouts()
    cluster.patch(*WEB, {"metadata": {"labels": {"touched": "2"}}})
    assert len(await steps(cluster, WEB)) == 10
