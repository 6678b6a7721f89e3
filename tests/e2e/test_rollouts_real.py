"""Rollouts on the real API server: krt's word, stage by stage, beside that of the real `kubectl rollout status`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import ceil
from typing import Any

import msgspec
import pytest
import trio

from krt.broker.accept import Acceptor
from krt.broker.channel import subscribe
from krt.broker.client import open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.journal import ValkeyJournal
from krt.broker.keys import Keys
from krt.broker.reports import Reports
from krt.broker.rollouts import ValkeyRollouts
from krt.cluster.workloads.open import Cluster, open_cluster
from krt.core.announce.event_id import EventId
from krt.core.caller.use import use_of
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.rollout import ON_DELETE, PAUSED, Progressing, Ready, Stuck, Untracked, stage_of
from krt.core.kube.workload import Workload
from krt.core.report.document import document
from krt.core.restart.matching import going
from krt.dev.valkey import open_valkey
from krt.worker.restart import Rules
from krt.worker.role import Around, Bounds, work
from krt.worker.take import Matching
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import BUILDERS, Object, a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.pods import Ready as PodReady
from tests.apiserver.pods import Unready
from tests.apiserver.server import ApiServer
from tests.fakes.keys import a_key
from tests.fakes.pace import PATIENCE_SECONDS, slack
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.values import an_envelope, an_identity

KINDS = tuple(RESTARTABLE)
RULES = [
    {
        "apiGroups": ["apps"],
        "resources": [each.plural for each in RESTARTABLE.values()],
        "verbs": ["get", "list", "watch", "patch"],
    }
]
KEYS, GROUP, CHANNEL = Keys("krt"), "default:1", "kuberollouttrigger"
SLOW = PodReady(after_seconds=0.4)
NOT_YET = PodReady(after_seconds=600)  # before the test decides otherwise

# kubectl knows no paused rollout: it waits for one, and calls one finished that had nothing to replace.
VERDICTS = {Progressing: {"waiting"}, Ready: {"done"}, Stuck: {"failed"}, Untracked: {"untracked", "waiting", "done"}}


@dataclass
class Krt:
    """A worker at work in one namespace, and who asks after its events."""

    server: ApiServer
    cluster: Cluster
    namespace: str
    acceptor: Acceptor
    reports: Reports

    async def accept(self) -> EventId:
        envelope = an_envelope()
        return (await self.acceptor.accept(envelope, use_of(an_identity(), "/event", envelope.event, None))).id

    async def report(self, event: EventId) -> dict[str, Any]:
        found = await self.reports.read(event)
        assert found
        told: dict[str, Any] = msgspec.to_builtins(document(*found))
        return told

    async def target(self, event: EventId) -> dict[str, Any]:
        [target] = (await self.report(event))["targets"]
        assert isinstance(target, dict)
        return target

    async def is_settled(self, event: EventId) -> bool:
        """Whether its entry is acknowledged."""
        await self.stir()
        found = await self.reports.read(event)
        return found is not None and all(group.final for group in found[0].groups.values()) and bool(found[0].groups)

    async def stir(self) -> None:
        """Change something of each kind: the index knows that it is fresh, and waits for no bookmark."""
        await self.kubectl("annotate", *(f"{kind}/poke" for kind in KINDS), f"at={trio.current_time()}", "--overwrite")

    async def settled(self, event: EventId) -> None:
        await until_on_trio_clock(partial(self.is_settled, event))

    async def until_target(
        self, event: EventId, state: str, *, within_seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        async def is_there() -> bool:
            targets = (await self.report(event))["targets"]
            return [target["state"] for target in targets] == [state]

        with suppress(trio.TooSlowError):
            await until_on_trio_clock(is_there, within_seconds=within_seconds)
        found = await self.target(event)
        assert found["state"] == state, found
        return found

    async def kubectl(self, *words: str) -> str:
        ran = await self.server.kubectl(*words, "-n", self.namespace)
        assert ran.code == 0, ran
        return ran.out

    async def compared(self, key: ObjectKey) -> tuple[Workload, str]:
        """The workload at one version, and what kubectl says of that; krt says the same of it."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                before = await self.cluster.read(key)
                verdict = await self._verdict(key)
                if (await self.cluster.read(key)).resource_version == before.resource_version:
                    assert verdict in VERDICTS[type(stage_of(before))], (verdict, stage_of(before), before)
                    return before, verdict

    async def _verdict(self, key: ObjectKey) -> str:
        where = ("-n", self.namespace, "--watch=false")
        ran = await self.server.kubectl("rollout", "status", f"{key.kind}/{key.name}", *where)
        if ran.code == 0:
            finished = ("successfully rolled out", "roll out complete", "rolling update complete")
            return "done" if any(words in ran.out for words in finished) else "waiting"
        assert ran.code == 1, ran
        if "exceeded its progress deadline" in ran.err:
            return "failed"
        assert "only available for RollingUpdate" in ran.err, ran
        return "untracked"


@asynccontextmanager
async def at_work(server: ApiServer, namespace: str) -> AsyncIterator[Krt]:
    account = await server.account(namespace, "krt-worker", RULES)
    async with open_valkey() as valkey, open_client(parse_endpoint(valkey.address)) as client:
        acceptor = Acceptor(client, KEYS, channel=CHANNEL, most_entries=1000)
        journal = ValkeyJournal(client, KEYS, group=GROUP, most_entries=1000)
        rollouts = ValkeyRollouts(client, KEYS, group=GROUP)
        async with (
            subscribe(client.endpoint, CHANNEL) as channel,
            open_cluster(account.kubeconfig, kinds=KINDS, namespaces=(namespace,), calls_at_once=8) as cluster,
            trio.open_nursery() as nursery,
        ):
            await cluster.wait_listed()
            matching = Matching(cluster, lambda _: None, require_opt_in=False, max_event_age_seconds=3600)
            rules = Rules(0.1, 60, rollout_deadline_seconds=900)
            bounds = Bounds(calls_at_once=8, restarts_per_second=100, in_hand=100)
            around = Around(journal, rollouts, channel, cluster)
            nursery.start_soon(work, around, matching, rules, bounds)
            yield Krt(server, cluster, namespace, acceptor, Reports(client, KEYS))
            nursery.cancel_scope.cancel()


@pytest.fixture
async def krt(apiserver: ApiServer, namespace: str, kubelet: Kubelet) -> AsyncIterator[Krt]:
    nowhere = {"nodeSelector": {"there": "is-none"}}
    for kind in KINDS:
        await apiserver.apply(BUILDERS[kind]("poke", "busybox", namespace=namespace, pod=nowhere))
    async with at_work(apiserver, namespace) as krt:
        yield krt


async def deployed(krt: Krt, workload: Object) -> ObjectKey:
    """Applied, rolled out, and known to the worker."""
    metadata = workload["metadata"]
    await krt.server.apply(workload)
    key = a_key(workload["kind"], metadata["namespace"], metadata["name"])

    async def is_complete() -> bool:
        return isinstance(stage_of(await krt.cluster.read(key)), Ready | Untracked)

    await until_on_trio_clock(is_complete)
    return key


async def followed(krt: Krt, key: ObjectKey, event: EventId) -> list[str]:
    """What krt reports, each state once, up to the last; at every look kubectl agrees, and the report is no further."""
    told: list[str] = []
    with trio.fail_after(PATIENCE_SECONDS):
        while not told or told[-1] in ("waiting", "progressing"):
            workload, verdict = await krt.compared(key)
            told += [state] if (state := (await krt.target(event))["state"]) not in told[-1:] else []
            if workload.mark and told[-1] == "ready":
                assert verdict == "done"
    return told


def a(make: Any, krt: Krt, **more: Any) -> Object:
    document: Object = make(namespace=krt.namespace, **more)
    [container] = document["spec"]["template"]["spec"]["containers"]
    container["imagePullPolicy"] = "Always"
    return document


async def an_event(krt: Krt) -> EventId:
    event = await krt.accept()

    async def is_recorded() -> bool:
        return bool((await krt.report(event))["targets"])

    await until_on_trio_clock(is_recorded)
    return event


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param(partial(a_deployment, replicas=3), id="Deployment"),
        pytest.param(partial(a_stateful_set, replicas=2), id="StatefulSet"),
        pytest.param(a_daemon_set, id="DaemonSet"),
    ],
)
async def test_a_good_rollout_is_ready_when_kubectl_says_so(krt: Krt, kubelet: Kubelet, workload: Any) -> None:
    key = await deployed(krt, a(workload, krt))
    kubelet.decide(SLOW, app="web")
    event = await an_event(krt)
    told = await followed(krt, key, event)
    assert [state for state in told if state != "waiting"] in (["progressing", "ready"], ["ready"])
    found = await krt.target(event)
    assert (found["available"], found["warnings"]) == (found["desired"], ())
    assert found["seconds"] > 0
    await krt.settled(event)
    assert (await krt.report(event))["state"] == "ready"


async def test_pods_that_never_get_ready_fail_the_rollout_when_kubectl_says_so(krt: Krt, kubelet: Kubelet) -> None:
    key = await deployed(krt, a(a_deployment, krt, replicas=2, progressDeadlineSeconds=2))
    kubelet.decide(Unready(), app="web")
    event = await an_event(krt)
    assert (await followed(krt, key, event))[-1] == "failed"
    found = await krt.target(event)
    assert "has timed out progressing" in found["reason"]
    assert found["updated"] < found["desired"]
    assert (await krt.compared(key))[1] == "failed"
    assert (await krt.report(event))["state"] == "failed"


async def test_a_rollout_that_recovers_after_it_had_failed_stays_failed(krt: Krt, kubelet: Kubelet) -> None:
    key = await deployed(krt, a(a_deployment, krt, progressDeadlineSeconds=1))
    kubelet.decide(Unready(), app="web")
    event = await an_event(krt)
    await krt.until_target(event, "failed")
    kubelet.decide(PodReady(), app="web")

    async def is_done() -> bool:
        return (await krt.compared(key))[1] == "done"

    await until_on_trio_clock(is_done)
    await trio.sleep(1.5)  # another process: for a look or two of its follower
    assert (await krt.report(event))["state"] == "failed"


@pytest.mark.parametrize("fate", [PodReady(), Unready()], ids=["ready", "failed"])
@pytest.mark.parametrize("pause", ["before", "in the middle"])
async def test_a_paused_deployment_waits_for_who_resumes_it_and_has_that_end(
    krt: Krt, kubelet: Kubelet, pause: str, fate: Any
) -> None:
    """As kubectl has it. Seen to fail with `ready`, though the resumed one failed."""
    key = await deployed(krt, a(a_deployment, krt, replicas=3, progressDeadlineSeconds=ceil(slack(0.75))))
    if pause == "before":
        await krt.kubectl("rollout", "pause", "deployment/web")
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    if pause == "in the middle":
        await krt.until_target(event, "progressing")
        await krt.kubectl("rollout", "pause", "deployment/web")
    kubelet.decide(fate, app="web")
    await krt.settled(event)

    async def is_said() -> bool:
        return (await krt.target(event)).get("reason") == PAUSED

    await until_on_trio_clock(is_said)
    assert (await krt.compared(key))[1] == "waiting"
    assert (await krt.report(event))["state"] == "rolling"
    await krt.kubectl("rollout", "resume", "deployment/web")
    assert (await followed(krt, key, event))[-1] == ("ready" if fate == PodReady() else "failed")


@pytest.mark.parametrize("make", [a_stateful_set, a_daemon_set])
async def test_pods_that_are_replaced_by_hand_are_no_success(krt: Krt, make: Any) -> None:
    key = await deployed(krt, a(make, krt, updateStrategy={"type": "OnDelete"}))
    event = await an_event(krt)
    found = await krt.until_target(event, "failed")
    assert found["reason"] == ON_DELETE
    assert (await krt.compared(key))[1] == "untracked"


@pytest.mark.parametrize("partition", [2, 3, 5])
async def test_pods_that_a_partition_keeps_are_no_success(krt: Krt, partition: int) -> None:
    """kubectl calls this rollout finished."""
    strategy = {"rollingUpdate": {"partition": partition}}
    key = await deployed(krt, a(a_stateful_set, krt, replicas=3, updateStrategy=strategy))
    event = await an_event(krt)
    found = await krt.until_target(event, "failed")
    assert found["reason"] == f"partition {partition} keeps {min(partition, 3)} of its 3 pods as they were"
    assert (await krt.compared(key))[1] == "done"


ROUNDED = 0.05  # seconds are told with one digit


async def restarted_at(krt: Krt, key: ObjectKey) -> datetime:
    return datetime.fromisoformat((await krt.cluster.read(key)).restarted_at or "")


async def ready_at(krt: Krt) -> datetime:
    """When the kubelet says that the only pod became ready, in whole seconds: the controllers count from there."""
    pods = json.loads(await krt.kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    [told] = [
        each["lastTransitionTime"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for each in pod["status"]["conditions"]
        if each["type"] == "Ready"
    ]
    return datetime.fromisoformat(told)


@pytest.mark.parametrize("make", [a_deployment, a_stateful_set, a_daemon_set])
async def test_pods_that_are_ready_and_not_available_yet_are_waited_for(krt: Krt, kubelet: Kubelet, make: Any) -> None:
    """Seen to fail for StatefulSets, whose ready pods were taken for available ones."""
    seconds = ceil(slack(0.75))
    key = await deployed(krt, a(make, krt, minReadySeconds=seconds))
    event = await an_event(krt)
    await krt.until_target(event, "progressing")

    async def is_ready_and_not_available() -> bool:
        document = json.loads(await krt.kubectl("get", make(namespace="x")["kind"], "web", "-o", "json"))
        status = document["status"]
        is_observed = status["observedGeneration"] == document["metadata"]["generation"]
        is_new = is_observed and status.get("updatedReplicas", status.get("updatedNumberScheduled", 0)) == 1
        ready = status.get("readyReplicas", status.get("numberReady", 0))
        return is_new and ready > status.get("availableReplicas", status.get("numberAvailable", 0))

    await until_on_trio_clock(is_ready_and_not_available)
    found = await krt.target(event)
    assert (found["state"], found["available"]) == ("progressing", 0) or make is a_deployment
    found = await krt.until_target(event, "ready")
    ended = (await restarted_at(krt, key)).timestamp() + found["seconds"]
    assert (found["available"], ended + ROUNDED > (await ready_at(krt)).timestamp() + seconds) == (1, True)


async def test_a_stateful_set_that_waits_for_a_broken_pod_names_it(krt: Krt, kubelet: Kubelet) -> None:
    """Seen to fail with no word on it until the deadline, and none at it."""
    key = await deployed(krt, a(a_stateful_set, krt, replicas=3, ordinals={"start": 4}))
    old = {pod["metadata"]["uid"] for pod in json.loads(await krt.kubectl("get", "pods", "-o", "json"))["items"]}
    kubelet.decide(
        lambda pod: Unready() if pod.metadata.name == "web-5" and pod.metadata.uid not in old else PodReady()
    )
    event = await an_event(krt)
    named = f"`kubectl -n {krt.namespace} delete pod web-5`"

    async def is_said() -> bool:
        found = await krt.target(event)
        return named in found.get("reason", "") and (found["updated"], found["available"]) == (2, 2)

    await until_on_trio_clock(is_said)
    assert (await krt.compared(key))[1] == "waiting"


async def used_up(krt: Krt, resource: str) -> None:
    """A quota of which nothing is left; what its controller would count is written here."""
    metadata = {"name": "none-more", "namespace": krt.namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {resource: "1"}}}
    await krt.server.apply(quota)
    counted = json.dumps({"status": {"hard": {resource: "1"}, "used": {resource: "1"}}})
    await krt.kubectl("patch", "quota/none-more", "--subresource=status", "--type=merge", f"-p={counted}")


RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("pods", "exceeded quota: none-more"),
        ("security", "violates PodSecurity"),
        ("sets", "exceeded quota: none-more"),
    ],
)
async def test_why_no_new_pod_is_made_is_told_while_it_waits_and_when_it_fails(
    krt: Krt, cause: str, words: str
) -> None:
    """What the controllers write. Seen to fail with "has timed out progressing", and nothing before."""
    key = await deployed(krt, a(a_deployment, krt, progressDeadlineSeconds=ceil(slack(1.5))))
    if cause == "security":
        await krt.server.kubectl("label", "namespace", krt.namespace, RESTRICTED)
    else:
        await used_up(krt, "pods" if cause == "pods" else "count/replicasets.apps")
    event = await an_event(krt)

    async def is_said() -> bool:
        found = await krt.target(event)
        return found["state"] == "progressing" and words in found.get("reason", "")

    await until_on_trio_clock(is_said)
    if cause == "sets":  # then the controller never gets to look at the time
        assert (await krt.compared(key))[1] == "waiting"
        return
    found = await krt.until_target(event, "failed")
    assert "has timed out progressing" in found["reason"]
    assert words in found["reason"]


@pytest.mark.parametrize("make", [a_deployment, a_stateful_set])
async def test_zero_replicas_are_ready_at_once_with_a_warning(krt: Krt, make: Any) -> None:
    key = await deployed(krt, a(make, krt, replicas=0))
    event = await an_event(krt)
    found = await krt.until_target(event, "ready")
    assert (found["warnings"], found["desired"]) == (("zero replicas",), 0)
    assert (await krt.compared(key))[1] == "done"


async def test_a_deployment_that_is_scaled_meanwhile_is_ready_when_all_it_wants_now_is(
    krt: Krt, kubelet: Kubelet
) -> None:
    """Its generation grows with that, as with any annotation of its own: it is the same rollout."""
    key = await deployed(krt, a(a_deployment, krt, replicas=2))
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    await krt.until_target(event, "progressing")
    await krt.kubectl("scale", "deployment/web", "--replicas=4")
    await krt.kubectl("annotate", "deployment/web", "somebody=was-here")
    kubelet.decide(PodReady(), app="web")
    assert (await followed(krt, key, event))[-1] == "ready"
    found = await krt.target(event)
    assert (found["updated"], found["available"], found["desired"]) == (4, 4, 4)


async def test_a_restart_that_kubectl_undoes_has_failed(krt: Krt, kubelet: Kubelet) -> None:
    """The undo brings the older ReplicaSet's annotations back, and with them the mark before."""
    key = await deployed(krt, a(a_deployment, krt, replicas=2))
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    await krt.settled(event)
    assert (await krt.target(event))["state"] == "progressing"
    assert (await krt.cluster.read(key)).mark
    await krt.kubectl("rollout", "undo", "deployment/web")
    found = await krt.until_target(event, "failed")
    assert found["reason"] == "the restart was taken back"  # an undo only takes fields away: that names nobody
    assert (await krt.cluster.read(key)).mark is None
    assert (await krt.report(event))["state"] == "failed"


async def test_who_replaces_it_with_another_is_named(krt: Krt, kubelet: Kubelet) -> None:
    """`kubectl replace` takes the mark along. Seen to fail with nobody named."""
    document = a(a_deployment, krt, replicas=2)
    await deployed(krt, document)
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    await krt.settled(event)
    document["spec"]["template"]["metadata"]["labels"] = {"app": "web", "tier": "front"}
    path = f"/apis/apps/v1/namespaces/{krt.namespace}/deployments/web"
    await krt.server.request("PUT", path, document, fieldManager="kubectl-replace")
    found = await krt.until_target(event, "failed")
    assert found["reason"] == "the restart was taken back by kubectl-replace"


async def test_an_undo_to_an_earlier_restart_follows_that_one_again(krt: Krt, kubelet: Kubelet) -> None:
    key = await deployed(krt, a(a_deployment, krt))
    first = await krt.accept()
    await krt.until_target(first, "ready")
    kubelet.decide(NOT_YET, app="web")
    envelope = an_envelope()
    use = use_of(an_identity(jti="t-2"), "/event", envelope.event, None)
    second = (await krt.acceptor.accept(envelope, use)).id
    await krt.until_target(second, "progressing")
    await krt.settled(second)
    await krt.kubectl("rollout", "undo", "deployment/web")
    await krt.until_target(second, "failed")
    mark = (await krt.cluster.read(key)).mark
    assert mark
    assert str(first) in mark


EARLIER = {"kubectl.kubernetes.io/restartedAt": "2020-01-01T00:00:00.000000Z"}


@pytest.mark.parametrize("make", [a_deployment, a_stateful_set])
@pytest.mark.parametrize(("annotations", "by"), [(EARLIER, " by kubectl-patch"), (None, "")], ids=["set", "removed"])
async def test_a_template_that_is_put_back_under_the_mark_has_failed(
    krt: Krt, kubelet: Kubelet, make: Any, annotations: object, by: str
) -> None:
    """As `kubectl rollout undo` does it with a StatefulSet, and as a GitOps controller does it with everything.

    Who takes a field away leaves no trace in managedFields.
    """
    key = await deployed(krt, a(make, krt))
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    await krt.settled(event)
    await trio.sleep(1.1)  # who has changed something within krt's own second is not named
    change = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    await krt.kubectl("patch", key.kind, "web", "--type=merge", f"-p={json.dumps(change)}")
    found = await krt.until_target(event, "failed")
    assert found["reason"] == f"restart undone{by}"
    assert (await krt.report(event))["state"] == "failed"


HELD = {"metadata": {"finalizers": ["example.com/held"]}}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("how", ["finalizer", "foreground", "background"])
async def test_a_deployment_whose_deletion_has_begun_is_left_alone(
    krt: Krt, kubelet: Kubelet, when: str, how: str
) -> None:
    """Seen to fail with one that a finalizer holds patched, waited for, and failed."""
    key = await deployed(krt, a(a_deployment, krt, replicas=2))
    other = a(partial(a_deployment, "other"), krt)
    await deployed(krt, other)
    kubelet.decide(NOT_YET, app="web")
    if how != "background":
        await krt.kubectl("patch", "deployment/web", "--type=merge", f"-p={json.dumps(HELD)}")

    def is_known() -> bool:
        seen = krt.cluster.get(key)
        return seen is None or bool(going(seen))

    async def delete() -> None:
        cascade = ["--cascade=foreground"] if how == "foreground" else []
        await krt.kubectl("delete", "deployment/web", "--wait=false", *cascade)
        await until_on_trio_clock(is_known)

    if when == "before":
        await delete()
    event = await an_event(krt)
    if when == "meanwhile":
        await krt.settled(event)
        await delete()

    async def is_over() -> bool:
        await krt.stir()
        return (await krt.report(event))["state"] == "ready"

    await until_on_trio_clock(is_over)
    targets = {target["name"]: target for target in (await krt.report(event))["targets"]}
    assert targets.pop("other")["state"] == "ready"
    if how == "background":
        told = [("skipped", "it was deleted")] if when == "meanwhile" else []
    else:
        told = [("skipped", "it is being deleted")]
        assert bool((await krt.cluster.read(key)).mark) == (when == "meanwhile")
        await krt.kubectl("patch", "deployment/web", "--type=merge", '-p={"metadata":{"finalizers":null}}')
    assert [(target["state"], target["reason"]) for target in targets.values()] == told


@pytest.mark.parametrize("recreated", [False, True])
async def test_a_deployment_that_is_recreated_while_it_rolls_out_has_failed_and_one_deleted_is_left_alone(
    krt: Krt, kubelet: Kubelet, recreated: bool
) -> None:
    await deployed(krt, a(a_deployment, krt))
    kubelet.decide(NOT_YET, app="web")
    event = await an_event(krt)
    await krt.settled(event)
    await krt.kubectl("delete", "deployment", "web", "--wait=false")
    if recreated:
        await krt.server.apply(a(a_deployment, krt))
    with trio.fail_after(PATIENCE_SECONDS):
        while (await krt.target(event))["state"] == "progressing":
            await krt.stir()
            await trio.sleep(0.2)
    found = await krt.target(event)
    end = ("failed", "deleted and recreated without the restart") if recreated else ("skipped", "it was deleted")
    assert (found["state"], found["reason"]) == end
