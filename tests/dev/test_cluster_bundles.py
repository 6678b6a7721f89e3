"""The stand-in's controller of BundleDeployments: it answers an announcement, or a new template, with a status."""

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from krt.core.kube.rollout import Progressing, Ready, Stuck, stage_of
from krt.core.kube.workload import Workload
from krt.core.rukpak.announced import AnnouncedFields, to_workload
from krt.dev.cluster import ApiRefusal, StandInCluster
from krt.dev.cluster.bundles import BAD_BUNDLE
from tests.core.rukpak.documents import deployment

TIME = "2026-11-20T12:00:00.000001Z"


def a_cluster(**annotations: str) -> StandInCluster:
    return StandInCluster([deployment(metadata={"annotations": annotations})])


def announce(cluster: StandInCluster, event: str) -> None:
    marks = {"krt/event": f"journal {event} {TIME}", "krt/announced": event}
    cluster.patch("BundleDeployment", "", "shop", {"metadata": {"annotations": marks}})


def seen(cluster: StandInCluster) -> Workload:
    return to_workload(msgspec.convert(cluster.get("BundleDeployment", "", "shop"), AnnouncedFields))


def content(cluster: StandInCluster) -> Any:
    return cluster.get("BundleDeployment", "", "shop")["status"]["resolvedSource"]["image"]["ref"]


async def test_a_new_one_and_an_announcement_are_delivered_in_two_steps() -> None:
    cluster = a_cluster()
    stages = [type(stage_of(seen(cluster)))]
    for event in ("", "1-0"):
        if event:
            announce(cluster, event)
        for _ in range(2):
            await cluster.step_rollouts()
            stages.append(type(stage_of(seen(cluster))))
    assert stages == [Progressing, Progressing, Ready, Progressing, Ready]


async def test_each_announcement_finds_another_digest_and_nothing_else_does() -> None:
    cluster = a_cluster()
    found = []
    for event in ("1-0", "1-0", "2-0"):
        announce(cluster, event)
        for _ in range(3):
            await cluster.step_rollouts()
        found.append(content(cluster))
    assert (found[0] == found[1], found[1] == found[2]) == (True, False)


async def test_a_bad_bundle_is_handled_and_what_was_installed_stays() -> None:
    cluster = a_cluster()
    for _ in range(2):
        await cluster.step_rollouts()
    before = content(cluster)
    cluster.patch("BundleDeployment", "", "shop", {"metadata": {"annotations": {"stand-in/rollout": "fails"}}})
    announce(cluster, "1-0")
    for _ in range(2):
        await cluster.step_rollouts()
    stage = stage_of(seen(cluster))
    assert isinstance(stage, Stuck)
    assert (stage.reason, content(cluster)) == (BAD_BUNDLE, before)


async def test_one_that_waits_is_never_handled() -> None:
    cluster = a_cluster(**{"stand-in/rollout": "waits"})
    for _ in range(5):
        await cluster.step_rollouts()
    assert isinstance(stage_of(seen(cluster)), Progressing)


async def test_a_deleted_one_is_forgotten() -> None:
    cluster = a_cluster()
    cluster.delete("BundleDeployment", "", "shop")
    await cluster.step_rollouts()
    with pytest.raises(ApiRefusal, match="not found"):
        cluster.get("BundleDeployment", "", "shop")


async def test_it_works_by_itself(autojump_clock: MockClock) -> None:
    cluster = a_cluster()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cluster.roll_out)
        await trio.sleep(2)
        assert isinstance(stage_of(seen(cluster)), Ready)
        nursery.cancel_scope.cancel()
