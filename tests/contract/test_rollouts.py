"""How the status of a Deployment tells of its rollout, stage by stage: what following a restart goes by."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import trio

from krt.cluster.kinds import DEPLOYMENT
from krt.cluster.wire import read_line
from krt.core.ports import Stamp
from krt.errors import Conflict
from tests.contract.clusters import Subject

STAMP = Stamp("2026-01-01T00:00:00.000001Z", "journal 1-0 2026-01-01T00:00:00.000001Z", "acme/shop")
LATER = Stamp("2026-01-01T00:01:00.000001Z", "journal 2-0 2026-01-01T00:01:00.000001Z", "acme/shop")
DEADLINE_SECONDS = 2  # the controller counts in whole seconds: one may be over at once
READY = ("True", "NewReplicaSetAvailable")
FAILED = ("False", "ProgressDeadlineExceeded")
PAUSED = ("Unknown", "DeploymentPaused")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rollout is followed by: counts, generations, the condition Progressing."""

    generation: int
    observed: int
    updated: int
    replicas: int
    available: int
    progressing: tuple[str, str]

    def is_at(self, generation: int, progressing: tuple[str, str], desired: int | None) -> bool:
        wanted = (self.observed, self.progressing) == (generation, progressing)
        return wanted and (desired is None or self.is_complete(desired))

    def is_complete(self, desired: int) -> bool:
        """As `kubectl rollout status` has it."""
        counts = (self.updated, self.replicas, self.available)
        return self.observed >= self.generation and counts == (desired, desired, desired)


def stage_of(document: Any) -> Stage:
    status = document.get("status", {})
    conditions = {each["type"]: (each["status"], each["reason"]) for each in status.get("conditions", ())}
    return Stage(
        document["metadata"]["generation"],
        status.get("observedGeneration", 0),
        status.get("updatedReplicas", 0),
        status.get("replicas", 0),
        status.get("availableReplicas", 0),
        conditions.get("Progressing", ("", "")),
    )


def watched(subject: Subject, version: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    return subject.api.watch(DEPLOYMENT, subject.namespace, version, 60)


async def until(
    lines: AsyncIterator[bytes], generation: int, *, progressing: tuple[str, str], desired: int | None = None
) -> list[Stage]:
    """Each stage once, up to the one that is asked for; `desired`: and complete."""
    seen: list[Stage] = []
    with trio.fail_after(20):
        while not (seen and seen[-1].is_at(generation, progressing, desired)):
            stage = stage_of(msgspec.json.decode(read_line(await anext(lines)).object))
            seen += [stage] if [stage] != seen[-1:] else []
    return seen


async def ready_deployment(subject: Subject, replicas: int, **spec: Any) -> str:
    """Created and rolled out; the version it has then."""
    version = (await subject.create(replicas=replicas, **spec))["metadata"]["resourceVersion"]
    async with watched(subject, version) as lines:
        await until(lines, 1, desired=replicas, progressing=READY)
    return (await subject.api.read(subject.key())).resource_version


async def restart(subject: Subject, stamp: Stamp = STAMP) -> int:
    """Done even where a controller writes at the same moment; the generation to wait for."""
    while True:
        with suppress(Conflict):
            return (await subject.api.restart(await subject.api.read(subject.key()), stamp)).generation


async def test_a_created_deployment_becomes_ready(subject: Subject) -> None:
    async with subject.rolling():
        version = (await subject.create(replicas=3))["metadata"]["resourceVersion"]
        async with watched(subject, version) as lines:
            seen = await until(lines, 1, desired=3, progressing=READY)
    reasons = [stage.progressing[1] for stage in seen]
    assert reasons[0] == "NewReplicaSetCreated"
    assert set(reasons[1:-1]) <= {"NewReplicaSetCreated", "ReplicaSetUpdated"}
    assert seen[0].observed == 0


async def test_a_restart_is_told_before_it_is_observed_with_the_counts_of_before(subject: Subject) -> None:
    """Counts and conditions of an older generation look like a finished rollout: they are not this one's."""
    async with subject.rolling():
        version = await ready_deployment(subject, 2)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, generation, desired=2, progressing=READY)
    assert seen[0] == Stage(2, 1, 2, 2, 2, READY)
    assert seen[1] == Stage(2, 1, 2, 2, 2, ("True", "NewReplicaSetCreated"))


async def test_a_restart_replaces_pod_by_pod_until_all_are_new(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_deployment(subject, 3)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, generation, desired=3, progressing=READY)
    own = [stage for stage in seen if stage.observed == generation]
    assert own[0].updated <= 1
    assert [stage.updated for stage in own] == sorted(stage.updated for stage in own)
    assert all(stage.available >= 3 and 3 <= stage.replicas <= 4 for stage in own)
    assert [stage for stage in own if stage.is_complete(3)] == own[-1:]
    assert {stage.progressing[1] for stage in own[1:-1]} == {"ReplicaSetUpdated"}


async def test_new_pods_that_do_not_become_ready_exceed_the_deadline_beside_the_old_ones(subject: Subject) -> None:
    async with subject.rolling():
        await ready_deployment(subject, 2, progressDeadlineSeconds=DEADLINE_SECONDS)
        await subject.break_new_pods()
        version = (await subject.api.read(subject.key())).resource_version
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, generation, progressing=FAILED)
    assert (seen[-1].updated, seen[-1].available) == (1, 2)


async def test_a_failed_rollout_that_is_restarted_is_not_failed_any_more(subject: Subject) -> None:
    """The old condition stands until the new generation is observed."""
    async with subject.rolling():
        await ready_deployment(subject, 1, progressDeadlineSeconds=DEADLINE_SECONDS)
        await subject.break_new_pods()
        version = (await subject.api.read(subject.key())).resource_version
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            await until(lines, generation, progressing=FAILED)
            generation = await restart(subject, LATER)
            seen = await until(lines, generation, progressing=("True", "ReplicaSetUpdated"))
    assert seen[0].progressing == FAILED
    assert seen[0].observed < seen[0].generation


async def test_a_paused_deployment_is_observed_and_replaces_nothing(subject: Subject) -> None:
    async with subject.rolling():
        await ready_deployment(subject, 2)
        version = (await subject.patch({"spec": {"paused": True}}))["metadata"]["resourceVersion"]
        async with watched(subject, version) as lines:
            await until(lines, 2, progressing=PAUSED)
            generation = await restart(subject)
            seen = await until(lines, generation, progressing=PAUSED)
    assert (seen[-1].updated, seen[-1].replicas, seen[-1].available) == (0, 2, 2)


async def test_a_deployment_of_no_replicas_is_ready_once_it_is_observed(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_deployment(subject, 0)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, generation, desired=0, progressing=READY)
    assert seen[-1] == Stage(2, 2, 0, 0, 0, READY)


async def test_a_second_restart_takes_over_from_the_first(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_deployment(subject, 2)
        first, second = await restart(subject), await restart(subject, LATER)
        async with watched(subject, version) as lines:
            seen = await until(lines, second, desired=2, progressing=READY)
    assert seen[-1].generation == second == first + 1


@pytest.mark.parametrize("replicas", [0, 2])
async def test_the_revision_grows_with_every_restart(subject: Subject, replicas: int) -> None:
    async with subject.rolling():
        version = await ready_deployment(subject, replicas)
        before = (await subject.get())["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            await until(lines, generation, desired=replicas, progressing=READY)
        after = (await subject.get())["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    assert (before, after) == ("1", "2")


async def test_the_status_is_the_controllers_own_in_managed_fields(subject: Subject) -> None:
    async with subject.rolling():
        await ready_deployment(subject, 1)
        entries = (await subject.get())["metadata"]["managedFields"]
    [entry] = [each for each in entries if each.get("subresource") == "status"]
    assert (entry["manager"], entry["operation"]) == ("kube-controller-manager", "Update")
    assert entry["fieldsV1"]["f:status"]
