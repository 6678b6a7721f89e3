"""Installed objects that somebody changes or deletes, on the real API server; and that nothing is sent otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from krt.cluster.objects import Body
from krt.controller import loops
from krt.controller.bundles_controller import BundlesController
from krt.controller.fights import FEW
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment, grant
from tests.apiserver.pods import Ready, Unready
from tests.controller.conftest import EVERYTHING
from tests.controller.desk import GROUP, Desk
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

_REPAIRED_SECONDS = 0.5  # and four times as much at most: two seconds


@asynccontextmanager
async def settled(desk: Desk, *objects: Body, identity: str = "one") -> AsyncIterator[BundlesController]:
    """A controller, once the objects are installed and it has nothing left to do."""
    if objects:
        desk.push(*objects)
        await desk.deploy()
    async with desk.running(identity) as controller:
        await desk.until_installed()
        await until_on_wall_clock(lambda: controller.is_settled(desk.name))
        yield controller


async def edit(desk: Desk, name: str, patch: str) -> None:
    done = await desk.server.kubectl("-n", desk.namespace, "patch", "configmap", name, "--type=merge", f"-p={patch}")
    assert done.code == 0, done


async def until_data(desk: Desk, name: str, data: dict[str, str], seconds: float = 0.0) -> None:
    async def is_so() -> bool:
        return await desk.data(name) == data

    await until_on_wall_clock(is_so, within_seconds=seconds or slack(_REPAIRED_SECONDS))


async def test_an_object_that_is_deleted_is_back_within_two_seconds(desk: Desk) -> None:
    """R24. Seen to fail if nobody asks for what has drifted."""
    async with settled(desk, desk.config_map("a", v="1"), desk.config_map("b", v="1")):
        desk.requests.clear()
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")
        await until_data(desk, "a", {"v": "1"})
        assert not any("/configmaps/b" in each for each in desk.writes)


@pytest.mark.parametrize(
    "patch",
    [
        '{"data":{"v":"by hand"}}',
        '{"data":{"v":null}}',
        '{"metadata":{"labels":{"core.rukpak.io/owner-name":"other"}}}',
        '{"metadata":{"labels":{"core.rukpak.io/owner-kind":null}}}',
        '{"metadata":{"labels":{"krt/owner":null}}}',
    ],
)
async def test_an_edit_by_hand_is_taken_back_within_two_seconds(desk: Desk, patch: str) -> None:
    async with settled(desk, desk.config_map("a", v="1")):
        before = await desk.server.get("ConfigMap", desk.namespace, "a", "v1")
        await edit(desk, "a", patch)

        async def is_as_before() -> bool:
            now = await desk.server.get("ConfigMap", desk.namespace, "a", "v1")
            return [now.get("data"), now["metadata"]["labels"]] == [before["data"], before["metadata"]["labels"]]

        await until_on_wall_clock(is_as_before, within_seconds=slack(_REPAIRED_SECONDS))


async def test_a_field_that_the_bundle_does_not_name_is_left_alone(desk: Desk) -> None:
    async with settled(desk, desk.config_map("a", v="1")):
        desk.requests.clear()
        await edit(desk, "a", '{"data":{"mine":"2"}}')
        await trio.sleep(1.0)  # nothing shall happen
        assert await desk.data("a") == {"v": "1", "mine": "2"}
        assert desk.writes == []


async def test_nothing_is_written_while_nothing_changes_and_by_a_new_controller(desk: Desk, kubelet: Kubelet) -> None:
    """R27: neither when it begins with an empty memory, nor at a full look."""
    objects = [desk.config_map(f"a{number}", v="1") for number in range(20)]
    async with settled(desk, *objects, a_deployment(namespace=desk.namespace)):
        desk.requests.clear()
        await trio.sleep(1.0)
        assert desk.writes == []
    desk.requests.clear()
    async with settled(desk, identity="two") as second:
        assert second.deployment_loops
        second.deployment_loops.wake(desk.name)  # a full look
        await trio.sleep(0.5)
        await until_on_wall_clock(lambda: second.is_settled(desk.name))
        assert desk.writes == []


async def test_what_changed_while_no_controller_ran_is_put_right(desk: Desk) -> None:
    async with settled(desk, desk.config_map("a", v="1"), desk.config_map("b", v="1")):
        pass
    await edit(desk, "a", '{"data":{"v":"by hand"}}')
    await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/b")
    desk.requests.clear()
    async with desk.running("two"):
        await until_data(desk, "a", {"v": "1"}, seconds=20)
        await until_data(desk, "b", {"v": "1"}, seconds=20)


async def test_a_workload_that_is_no_longer_ready_makes_the_deployment_unhealthy(desk: Desk, kubelet: Kubelet) -> None:
    """R29. Its new pods are ready in the end, and it is healthy again."""
    async with settled(desk, a_deployment(namespace=desk.namespace, replicas=1)):
        status = await desk.status()
        kubelet.decide(Unready(), app="web")
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/pods", {"gracePeriodSeconds": 0})
        await desk.until_condition("Healthy", "False", f"Deployment {desk.namespace}/web: ")
        assert (await desk.status())["activeBundle"] == status["activeBundle"]
        kubelet.decide(Ready(), app="web")
        await desk.until_installed()


async def test_the_objects_of_a_failed_version_are_not_repaired_to_the_old_one_by_half(desk: Desk) -> None:
    """The old version stays active: its objects, if somebody deletes one, come back."""
    async with settled(desk, desk.config_map("a", v="1"), desk.config_map("b", v="1")):
        desk.push(desk.config_map("a", v="2"), desk.config_map("Not-A-Name", v="1"))
        await desk.annotate(krt_announced="e1")
        await desk.until_condition("Installed", "False", "Invalid value")
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/b")
        await until_data(desk, "b", {"v": "1"}, seconds=20)
        assert await desk.data("a") == {"v": "1"}


@pytest.mark.parametrize("is_away", [False, True])
async def test_drift_is_repaired_at_once_while_a_new_version_waits_for_its_next_attempt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    """The template names an image that is not there, or its registry is away; neither is asked more often for that.

    Seen to fail: the object came back with the next attempt, which is up to five minutes away.
    """
    monkeypatch.setattr(loops, "FIRST_SECONDS", 60.0)
    desk.images.has_memory = True
    async with settled(desk, desk.config_map("a", v="1")):
        desk.images.is_away = is_away
        await desk.deploy("registry.example/acme/absent:main")
        await desk.until_condition("HasValidBundle", "False", "does not answer" if is_away else "status 404")
        asked = desk.images.asked.count("tag")
        for _ in range(2):
            await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")
            await until_data(desk, "a", {"v": "1"})
        assert desk.images.asked.count("tag") == asked
        assert (await desk.condition("HasValidBundle"))[0] == "False"


async def test_a_bundle_that_somebody_deletes_is_made_anew_with_the_same_content(desk: Desk) -> None:
    async with settled(desk, desk.config_map("a", v="1")):
        [bundle] = await desk.bundles()
        desk.push(desk.config_map("a", v="2"))
        await desk.server.request("DELETE", f"{GROUP}/bundles/{bundle['metadata']['name']}")

        async def is_back() -> bool:
            found = await desk.bundles()
            return [each.get("status", {}).get("phase") for each in found] == ["Unpacked"]

        await until_on_wall_clock(is_back)
        assert await desk.data("a") == {"v": "1"}


async def test_whoever_fights_for_an_object_is_named_and_repaired_less_and_less_often(desk: Desk) -> None:
    path = f"/api/v1/namespaces/{desk.namespace}/configmaps/a?fieldManager=alice"
    headers = {"Content-Type": "application/merge-patch+json"}

    async def fight() -> None:
        while True:
            if await desk.data("a") == {"v": "1"}:
                await desk.server.client.patch(path, json={"data": {"v": "mine"}}, headers=headers)
            await trio.sleep(0.02)

    async with settled(desk, desk.config_map("a", v="1")), trio.open_nursery() as nursery:
        desk.requests.clear()
        nursery.start_soon(fight)
        await desk.until_condition("Healthy", "False", f'ConfigMap {desk.namespace}/a: "alice" changes it again')
        await trio.sleep(8.0)
        repairs = [each for each in desk.writes if "/configmaps/a" in each and "force=true" in each]
        assert FEW <= len(repairs) <= FEW + 4
        nursery.cancel_scope.cancel()


async def test_the_number_of_replicas_is_left_to_whoever_scales(desk: Desk, kubelet: Kubelet) -> None:
    """As a HorizontalPodAutoscaler does: by way of the subresource `scale`. The next version leaves the number, too."""
    web = a_deployment(namespace=desk.namespace, replicas=1)
    async with settled(desk, web) as controller:
        scaled = await desk.server.kubectl("-n", desk.namespace, "scale", "deployment/web", "--replicas=3")
        assert scaled.code == 0, scaled
        desk.requests.clear()
        await trio.sleep(1.0)
        await until_on_wall_clock(lambda: controller.is_settled(desk.name))
        assert len([each for each in desk.writes if "/deployments/web" in each]) <= 2
        digest = desk.push({**web, "metadata": {**web["metadata"], "annotations": {"version": "2"}}})
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(handled="e1", digest=digest)
        live = await desk.server.get("Deployment", desk.namespace, "web")
        assert (live["spec"]["replicas"], live["metadata"]["annotations"]["version"]) == (3, "2")
        image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other"}
        path = f"/apis/apps/v1/namespaces/{desk.namespace}/deployments/web"
        await desk.server.client.patch(path, json=[image], headers={"Content-Type": "application/json-patch+json"})

        async def is_back() -> bool:
            spec = (await desk.server.get("Deployment", desk.namespace, "web"))["spec"]
            return bool(spec["template"]["spec"]["containers"][0]["image"] != "other" and spec["replicas"] == 3)

        await until_on_wall_clock(is_back)


async def test_a_version_that_no_longer_names_the_replicas_keeps_their_number(desk: Desk, kubelet: Kubelet) -> None:
    """At every moment: one replica in between would end two of three pods. Seen to fail without `_keep_number`."""
    web = a_deployment(namespace=desk.namespace, replicas=3)
    without = {**web, "spec": {name: value for name, value in web["spec"].items() if name != "replicas"}}
    seen = set[int]()

    async def look() -> None:
        while True:
            seen.add((await desk.server.get("Deployment", desk.namespace, "web"))["spec"]["replicas"])
            await trio.sleep(0.005)

    async with settled(desk, web), trio.open_nursery() as nursery:
        nursery.start_soon(look)
        digest = desk.push(without)
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(handled="e1", digest=digest)
        assert seen == {3}
        nursery.cancel_scope.cancel()


async def test_a_kind_that_nobody_lets_krt_watch_is_named_in_a_condition(desk: Desk) -> None:
    """Until krt may watch it. The objects are installed and healthy all the same."""
    few = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch", "delete"]}
    await desk.server.apply(*grant("krt-deployer", desk.namespace, [few], everywhere=True))
    async with settled(desk, desk.config_map("a", v="1")):
        said = "drift of configmaps with core.rukpak.io/owner-kind=BundleDeployment in all namespaces is not seen: "
        await desk.until_condition("DriftWatched", "False", said)
        assert await desk.is_installed()
        await desk.server.apply(*grant("krt-deployer", desk.namespace, [EVERYTHING], everywhere=True))
        await desk.until_condition("DriftWatched", "True", "Changes of all objects are seen")
