"""Every way a job's wait can end, with its exit code and its sentence: real API server, controllers, processes."""

import json
from datetime import UTC, datetime
from math import ceil
from signal import SIGKILL

import trio

from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import Object, a_deployment, grant
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import ApiServer
from tests.e2e.deployments import Cluster, only_new
from tests.e2e.site import REGISTRY, Ended, Site
from tests.fakes.pace import PATIENCE_SECONDS, slack
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.ports import free_ports

DIGEST = f"sha256:{'0' * 64}"
# On a busy machine; on an idle one it is one, and five.
SOON_SECONDS, MOST_NO_MATCH_SECONDS = 8.0, 30.0


def running(cluster: Cluster, name: str, image: str = "", policy: str = "Always", **more: object) -> Object:
    """A Deployment of one pod; its image is named as it is, unless another is given."""
    container = {"name": "main", "image": image or f"{REGISTRY}/{name}:dev", "imagePullPolicy": policy}
    spec = {"replicas": 1, "pod": {"containers": [container]}, **more}
    return a_deployment(name, namespace=cluster.namespace, **spec)


async def restarted(cluster: Cluster, name: str) -> None:
    async def is_restarted() -> bool:
        return (await cluster.see())[name].generation > 1

    await until_on_trio_clock(is_restarted)


async def given_up_at(cluster: Cluster, name: str) -> datetime:
    conditions = (await cluster.see())[name].document["status"]["conditions"]
    (told,) = [each["lastUpdateTime"] for each in conditions if each.get("reason") == "ProgressDeadlineExceeded"]
    return datetime.fromisoformat(told)


class Jobs:
    """One for each ending, all at once."""

    def __init__(self, site: Site) -> None:
        self.site, self.cluster = site, site.cluster
        self.where = f"Deployment {site.cluster.namespace}"

    async def good(self) -> None:
        ended = await self.site.job("good", "--wait")
        assert (ended.code, ended.out) == (0, "the rollout is ready: 1 ready\n"), ended.err
        assert await self.cluster.rollout_code("good") == 0
        ended.said(f"{self.where}/good: ready after")

    async def bad(self) -> None:
        ended = await self.site.job("bad", "--wait")
        seconds = (datetime.now(UTC) - await given_up_at(self.cluster, "bad")).total_seconds()
        assert (ended.code, seconds < slack(SOON_SECONDS)) == (1, True), (ended, seconds)
        assert await self.cluster.rollout_code("bad") == 1
        ended.said("the rollout failed: 1 failed", f"{self.where}/bad: failed: ReplicaSet", "has timed out progressing")

    async def late(self) -> None:
        seconds = ceil(slack(1.5))
        ended = await self.site.job("late", "--wait", "--timeout", f"{seconds}s")
        assert ended.code == 1
        ended.said(
            f"not finished within {seconds} s: event rolling, 1 progressing", f"{self.where}/late: progressing, "
        )

    async def gone(self) -> None:
        ended = await self._meanwhile("gone", "delete", "deployment/gone", "--wait=false")
        assert ended.code == 1
        ended.said("nothing was restarted", f"{self.where}/gone: skipped: it was deleted")

    async def undone(self) -> None:
        ended = await self._meanwhile("undone", "rollout", "undo", "deployment/undone")
        assert ended.code == 1
        ended.said("the rollout failed: 1 failed", f"{self.where}/undone: failed: the restart was taken back")

    async def dry(self) -> None:
        ended = await self.site.job("good", "--wait", "--dry-run")
        assert (ended.code, ended.out) == (0, "the dry-run is done: 1 would_restart\n"), ended.err

    async def with_a_warning(self, name: str, state: str, warning: str) -> None:
        ended = await self.site.job(name, "--wait", GITHUB_ACTIONS="true")
        assert (ended.code, ended.out) == (0, f"the rollout is ready: 1 {state}\n"), ended.err
        ended.said(f"::warning title=krt notify::{self.where}/{name}: {state}", f"warning: {warning}")

    async def without_a_match(self, name: str, sentence: str) -> None:
        began = trio.current_time()
        ended = await self.site.job(name, "--wait")
        assert (ended.code, ended.at - began < slack(MOST_NO_MATCH_SECONDS)) == (1, True), ended
        ended.said("nothing was restarted", sentence)
        allowed = await self.site.job(name, "--wait", "--allow-no-match")
        assert (allowed.code, allowed.out.startswith("nothing was restarted")) == (0, True)

    async def _meanwhile(self, name: str, *words: str) -> Ended:
        """The ending, with kubectl at work between the restart and the end of the rollout."""
        ended: list[Ended] = []

        async def wait() -> None:
            ended.append(await self.site.job(name, "--wait"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await restarted(self.cluster, name)
            await self.cluster.kubectl(*words)
        return ended[0]


async def test_what_a_job_is_told(site: Site, cluster: Cluster, kubelet: Kubelet) -> None:
    await cluster.apply(
        running(cluster, "good", replicas=2),
        running(cluster, "bad", progressDeadlineSeconds=ceil(slack(0.75))),
        *(running(cluster, name) for name in ("late", "gone", "undone")),
        running(cluster, "empty", replicas=0),
        running(cluster, "kept", policy="IfNotPresent"),
        running(cluster, "pinned", f"{REGISTRY}/pinned:dev@{DIGEST}"),
        running(cluster, "other", f"{REGISTRY}/other:prod"),
    )
    pods, jobs = await cluster.pods(), Jobs(site)
    for name in ("late", "gone", "undone"):
        kubelet.decide(only_new(pods, Ready(after_seconds=600)), app=name)
    kubelet.decide(only_new(pods, Unready()), app="bad")
    async with site.web(), site.worker(), trio.open_nursery() as nursery:
        nursery.start_soon(jobs.late)
        await restarted(cluster, "late")  # in its time, before the others take the machine
        for job in (jobs.good, jobs.bad, jobs.gone, jobs.undone, jobs.dry):
            nursery.start_soon(job)
        nursery.start_soon(jobs.with_a_warning, "empty", "ready", "zero replicas")
        nursery.start_soon(jobs.with_a_warning, "kept", "ready", "imagePullPolicy")
        nursery.start_soon(jobs.without_a_match, "nobody", f"no workload runs {REGISTRY}/nobody with tag dev")
        nursery.start_soon(jobs.without_a_match, "pinned", f"{jobs.where}/pinned: skipped: pinned")
        nursery.start_soon(jobs.without_a_match, "other", f"{jobs.where}/other: skipped: ")


async def test_a_quiet_cluster_says_in_seconds_that_nothing_runs_the_image(site: Site) -> None:
    """Nothing changes there: the next bookmark is up to a minute away."""
    async with site.web(), site.worker():
        await trio.sleep(3)  # the real cluster must have been quiet for some seconds
        began = trio.current_time()
        ended = await site.job("nobody", "--wait")
    assert (ended.code, ended.at - began < slack(MOST_NO_MATCH_SECONDS)) == (1, True), ended


async def test_who_is_refused_is_told_why(site: Site) -> None:
    async with site.web():
        unknown = await site.job("shop", "--wait", KRT_AUDIENCE="https://other.example.com")
        forbidden = await site.job("../evil/shop", "--wait")
        foreign = await site.job("shop", "--wait", "--url", "http://127.0.0.1:9", "--timeout", "2s")
    assert (unknown.code, forbidden.code, foreign.code) == (2, 2, 3)
    unknown.said(
        "krt web does not know this caller (401)",
        "  audience     https://other.example.com",
        "  repository   acme/shop (id 74)",
        "  owner        acme (id 65)",
        "  ref          refs/heads/main",
        "  event        push",
        f"  krt check-policy --claims claims.json --image {REGISTRY}/shop --tags dev",
    )
    claims = json.loads(unknown.err.strip().splitlines()[-1])
    assert (claims["aud"], claims["repository_owner_id"]) == ("https://other.example.com", "65")
    foreign.said("no final answer within 2 s")


async def test_where_nobody_works_the_job_is_told_so_and_the_event_expires(site: Site, cluster: Cluster) -> None:
    await cluster.apply(running(cluster, "shop"))
    async with site.web():
        seconds = ceil(slack(0.75))
        alone = await site.job("shop", "--wait", "--timeout", f"{seconds}s")
        assert alone.code == 1
        alone.said(
            f"not finished within {seconds} s: event accepted", "no krt worker reads the channel of this krt web"
        )
        ended: list[Ended] = []

        async def wait() -> None:
            ended.append(await site.job("shop", "--wait"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await until_on_trio_clock(lambda: _journaled(site, 2))
            await trio.sleep(1.5)  # Valkey's clock says how old an event is
            async with site.worker(KRT_MAX_EVENT_AGE="1s"):
                await until_on_trio_clock(lambda: bool(ended))
    assert ended[0].code == 1
    ended[0].said("the event expired", "older than KRT_MAX_EVENT_AGE")
    assert (await cluster.see())["shop"].generation == 1


async def _journaled(site: Site, count: int) -> bool:
    return len(await site.around.journaled()) >= count


async def test_a_killed_worker_and_a_replaced_web_change_no_ending(
    site: Site, cluster: Cluster, kubelet: Kubelet
) -> None:
    """In the middle of the rollouts; one ends while nobody looks."""
    await cluster.apply(running(cluster, "good"), running(cluster, "bad", progressDeadlineSeconds=ceil(slack(1.5))))
    pods, ended = await cluster.pods(), dict[str, Ended]()
    kubelet.decide(only_new(pods, Ready(after_seconds=600)), app="good")
    kubelet.decide(only_new(pods, Unready()), app="bad")
    here = {"WEB_LISTEN_ADDR": f"127.0.0.1:{free_ports(1)[0]}"}

    async def wait(name: str) -> None:
        ended[name] = await site.job(name, "--wait", "--timeout", f"{PATIENCE_SECONDS:.0f}s")

    async with trio.open_nursery() as nursery:
        async with site.web(**here) as web, site.worker() as worker:
            for name in ("good", "bad"):
                nursery.start_soon(wait, name)
            for name in ("good", "bad"):
                await restarted(cluster, name)
            worker.signal(SIGKILL)
            assert (await worker.ended(), (await web.stopped())[0]) == (-SIGKILL, 0)
        kubelet.decide(only_new(pods, Ready()), app="good")
        async with site.web(**here), site.worker():
            await until_on_trio_clock(lambda: len(ended) == 2)
    assert {name: one.code for name, one in ended.items()} == {"good": 0, "bad": 1}, ended
    ended["good"].said("the rollout is ready: 1 ready")
    ended["bad"].said("the rollout failed: 1 failed", "has timed out progressing")
    assert {name: seen.generation for name, seen in (await cluster.see()).items()} == {"good": 2, "bad": 2}


async def test_a_cluster_whose_workers_are_gone_ends_the_wait(site: Site, cluster: Cluster) -> None:
    """After two minutes without them; here, after a second."""
    await cluster.apply(running(cluster, "shop"))
    async with site.web(), site.worker():
        await site.gone("prod")
        ended = await site.quick_job("shop", absent_seconds=1)
    assert ended.code == 1
    ended.said(
        "no krt worker of prod is there any more: 1 ready",
        "the operator of krt can drop a retired cluster (`krt cluster forget`)",
        "cluster prod: absent since",
    )


async def test_restarts_stand_in_the_events_of_the_workload_if_that_is_wanted(
    site: Site, apiserver: ApiServer, cluster: Cluster
) -> None:
    """Without the right to write them, the restart is made all the same."""
    await cluster.apply(running(cluster, "one"))
    rules = [{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}]
    async with site.web(), site.worker("--kubernetes-events") as worker:
        assert (await site.job("one", "--wait")).code == 0
        refused = await worker.wait_said("kubernetes_event_not_written")
        assert 'cannot create resource "events"' in str(refused["problem"])
        await apiserver.apply(*granted("krt-worker", cluster.namespace, rules))
        await until_on_trio_clock(lambda: _may_create_events(apiserver, cluster))
        assert (await site.job("one", "--wait")).code == 0
        await until_on_trio_clock(lambda: _described(cluster, "one"))
    told = json.loads(await cluster.kubectl("events", "--for", "deployment/one", "-o", "json"))["items"]
    (note,) = [each["message"] for each in told if each["reason"] == "Restarted"]
    deployment = json.loads(await cluster.kubectl("get", "deployment", "one", "-o", "json"))
    assert note == f"restarted for {deployment['metadata']['annotations']['krt/cause']}"
    assert {"actor", "repository", "ref", "sha", "run"} <= {word.partition("=")[0] for word in note.split(" ")}


async def _may_create_events(apiserver: ApiServer, cluster: Cluster) -> bool:
    account = f"system:serviceaccount:{cluster.namespace}:krt-worker"
    asked = ("auth", "can-i", "create", "events.events.k8s.io", "--as", account, "-n", cluster.namespace)
    return (await apiserver.kubectl(*asked)).code == 0


async def _described(cluster: Cluster, name: str) -> bool:
    return "restarted for" in await cluster.kubectl("describe", "deployment", name)


def granted(account: str, namespace: str, rules: list[Object]) -> tuple[Object, Object]:
    """Beside what it has."""
    role, binding = grant(account, namespace, rules)
    name = f"{account}-events"
    its = {"metadata": {"name": name, "namespace": namespace}}
    return {**role, **its}, {**binding, **its, "roleRef": {**binding["roleRef"], "name": name}}
