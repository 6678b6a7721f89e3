"""How the status of a workload tells of its rollout, stage by stage, as krt reads it from a watch."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import msgspec
import pytest
import trio

from krt.cluster.wire import read_line
from krt.cluster.workloads.wire import READERS
from krt.core.announce.event_id import EventId
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from krt.core.kube.rollout import PAUSED, Counts, Progressing, Ready, Stuck, Untracked, stage_of
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Stamp
from krt.errors import Conflict
from tests.contract.subject import Subject
from tests.fakes.pace import PATIENCE_SECONDS

STAMP = Stamp("2026-01-01T00:00:00.000001Z", "journal 1-0 2026-01-01T00:00:00.000001Z", "acme/shop", EventId(1, 0))
LATER = Stamp("2026-01-01T00:01:00.000001Z", "journal 2-0 2026-01-01T00:01:00.000001Z", "acme/shop", EventId(2, 0))
DEADLINE_SECONDS = 2  # the controller counts in whole seconds: one may be over at once
REVISION = "deployment.kubernetes.io/revision"
RESOURCES = pytest.mark.parametrize(
    "resource", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET], ids=lambda resource: resource.kind
)


def watched(
    subject: Subject, version: str, resource: Resource = DEPLOYMENT
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    return subject.api.watch(resource, subject.namespace, version, 60)


async def until(lines: AsyncIterator[bytes], holds: Callable[[Workload], bool]) -> list[Workload]:
    """The workload at each of its changes, up to the first that is as asked for."""
    seen: list[Workload] = []
    with trio.fail_after(PATIENCE_SECONDS):
        while not (seen and holds(seen[-1])):
            line = await anext(lines, None)
            assert line is not None, f"the watch ended; the last stage was {stage_of(seen[-1]) if seen else 'none'}"
            body = read_line(line).object
            seen.append(READERS[msgspec.json.decode(body)["kind"]].one(body))
    return seen


def is_ready(generation: int) -> Callable[[Workload], bool]:
    return lambda workload: workload.generation == generation and isinstance(stage_of(workload), Ready)


def is_stuck(generation: int) -> Callable[[Workload], bool]:
    return lambda workload: workload.generation == generation and isinstance(stage_of(workload), Stuck)


def is_observed(generation: int) -> Callable[[Workload], bool]:
    return lambda workload: workload.status.observed_generation == workload.generation == generation


async def ready_workload(subject: Subject, resource: Resource = DEPLOYMENT, **spec: Any) -> str:
    """Created, rolled out and at rest; the version it has then."""
    version = (await subject.create(resource=resource, **spec))["metadata"]["resourceVersion"]
    async with watched(subject, version, resource) as lines:
        await until(lines, is_ready(1))
    return (await subject.api.read(subject.key(resource=resource))).resource_version


async def restart(subject: Subject, stamp: Stamp = STAMP, resource: Resource = DEPLOYMENT) -> int:
    """Done even where a controller writes at the same moment; the generation to wait for."""
    while True:
        with suppress(Conflict):
            return (await subject.api.restart(await subject.api.read(subject.key(resource=resource)), stamp)).generation


@RESOURCES
async def test_a_created_workload_progresses_until_it_is_ready(subject: Subject, resource: Resource) -> None:
    async with subject.rolling():
        version = (await subject.create(resource=resource))["metadata"]["resourceVersion"]
        async with watched(subject, version, resource) as lines:
            seen = await until(lines, is_ready(1))
    assert {type(stage_of(workload)) for workload in seen[:-1]} == {Progressing}


@RESOURCES
async def test_a_restart_progresses_until_every_pod_is_new_and_is_never_ready_before(
    subject: Subject, resource: Resource
) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, resource)
        generation = await restart(subject, resource=resource)
        async with watched(subject, version, resource) as lines:
            seen = await until(lines, is_ready(generation))
    own = [workload for workload in seen if workload.generation == generation]
    assert {type(stage_of(workload)) for workload in own[:-1]} == {Progressing}
    counts = stage_of(own[-1]).counts
    assert counts.updated == counts.available == counts.desired > 0


@RESOURCES
async def test_a_restart_is_told_before_it_is_observed_with_the_counts_of_before(
    subject: Subject, resource: Resource
) -> None:
    """They look like a finished rollout: it is not this one's."""
    async with subject.rolling():
        version = await ready_workload(subject, resource)
        generation = await restart(subject, resource=resource)
        async with watched(subject, version, resource) as lines:
            seen = await until(lines, is_ready(generation))
    first = next(workload for workload in seen if workload.restarted_at)
    assert (first.generation, first.status.observed_generation) == (generation, generation - 1)
    assert first.status.updated > 0 or resource is STATEFUL_SET
    assert isinstance(stage_of(first), Progressing)


async def test_a_deployment_keeps_its_pods_available_while_they_are_replaced(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, replicas=3)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, is_ready(generation))
    own = [workload.status for workload in seen if workload.status.observed_generation == generation]
    assert [status.updated for status in own] == sorted(status.updated for status in own)
    assert own[0].updated <= 1
    # No upper bound: the sum is of two ReplicaSets, and the status of the one that shrinks may be behind the other's.
    assert [status for status in own if status.available < 3 or status.replicas < 3] == []


async def restarted_to_no_end(subject: Subject, *, replicas: int) -> tuple[str, int]:
    """A Deployment whose new pods do not become ready: its version before the restart, its generation since."""
    await ready_workload(subject, replicas=replicas, progressDeadlineSeconds=DEADLINE_SECONDS)
    await subject.break_new_pods()
    version = (await subject.api.read(subject.key())).resource_version
    return version, await restart(subject)


async def test_new_pods_that_do_not_become_ready_exceed_the_deadline_beside_the_old_ones(subject: Subject) -> None:
    async with subject.rolling():
        version, generation = await restarted_to_no_end(subject, replicas=2)
        async with watched(subject, version) as lines:
            *_, last = await until(lines, is_stuck(generation))
    assert (last.status.updated, last.status.available) == (1, 2)
    assert "has timed out progressing" in (last.status.deadline_exceeded or "")


async def test_a_failed_rollout_that_is_restarted_is_not_failed_any_more(subject: Subject) -> None:
    """The old condition stands until the new generation is observed, and counts no more."""
    async with subject.rolling():
        version, generation = await restarted_to_no_end(subject, replicas=1)
        async with watched(subject, version) as lines:
            await until(lines, is_stuck(generation))
            generation = await restart(subject, LATER)
            seen = await until(lines, is_observed(generation))
    assert seen[0].status.deadline_exceeded
    own = [workload for workload in seen if workload.generation == generation]
    assert {type(stage_of(workload)) for workload in own} == {Progressing}


async def test_a_paused_deployment_is_observed_and_replaces_nothing(subject: Subject) -> None:
    async with subject.rolling():
        await ready_workload(subject, replicas=2)
        version = (await subject.patch({"spec": {"paused": True}}))["metadata"]["resourceVersion"]
        async with watched(subject, version) as lines:
            await until(lines, is_observed(2))
            generation = await restart(subject)
            *_, last = await until(lines, is_observed(generation))
    assert stage_of(last) == Progressing(Counts(0, 2, 2), PAUSED)
    assert last.status.replicas == 2


@pytest.mark.parametrize("resource", [STATEFUL_SET, DAEMON_SET], ids=lambda resource: resource.kind)
async def test_on_delete_a_restart_is_observed_and_replaces_nothing(subject: Subject, resource: Resource) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, resource)
        await subject.patch(
            {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}, resource=resource
        )
        generation = await restart(subject, resource=resource)
        async with watched(subject, version, resource) as lines:
            *_, last = await until(lines, is_observed(generation))
    assert isinstance(stage_of(last), Untracked)
    assert last.status.updated == 0


async def test_a_deployment_of_no_replicas_is_ready_once_it_is_observed(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, replicas=0)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            seen = await until(lines, is_ready(generation))
    assert is_observed(generation)(seen[-1])
    assert not any(isinstance(stage_of(each), Ready) for each in seen[:-1] if each.generation == generation)


async def test_a_second_restart_takes_over_from_the_first(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, replicas=2)
        first, second = await restart(subject), await restart(subject, LATER)
        async with watched(subject, version) as lines:
            seen = await until(lines, is_ready(second))
    assert second == first + 1
    assert (seen[-1].mark, seen[-1].restarted_at) == (LATER.mark, LATER.restarted_at)


@pytest.mark.parametrize("replicas", [0, 2])
async def test_the_revision_grows_with_every_restart(subject: Subject, replicas: int) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, replicas=replicas)
        before = (await subject.get())["metadata"]["annotations"][REVISION]
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            await until(lines, is_ready(generation))
        after = (await subject.get())["metadata"]["annotations"][REVISION]
    assert (before, after) == ("1", "2")


async def test_a_restart_that_is_undone_is_a_rollout_of_its_own_under_the_old_mark(subject: Subject) -> None:
    async with subject.rolling():
        version = await ready_workload(subject, replicas=1)
        generation = await restart(subject)
        async with watched(subject, version) as lines:
            await until(lines, is_ready(generation))
            await subject.patch({"spec": {"template": {"metadata": {"annotations": None}}}}, manager="argocd")
            *_, last = await until(lines, is_ready(generation + 1))
    assert (last.restarted_at, last.mark) == (None, STAMP.mark)


@RESOURCES
async def test_the_status_is_the_controllers_own_in_managed_fields(subject: Subject, resource: Resource) -> None:
    async with subject.rolling():
        await ready_workload(subject, resource)
        entries = (await subject.get(resource=resource))["metadata"]["managedFields"]
    [entry] = [each for each in entries if each.get("subresource") == "status"]
    assert (entry["manager"], entry["operation"]) == ("kube-controller-manager", "Update")
    assert entry["fieldsV1"]["f:status"]
