"""Watches, as krt opens them."""

from collections.abc import AsyncIterator

import pytest
import trio

from krt.cluster.refusal import refusal
from krt.cluster.wire import read_line, read_status, read_version
from krt.cluster.workloads.wire import READERS
from krt.core.announce.event_id import EventId
from krt.core.kube.restartable import DEPLOYMENT
from krt.core.ports.workloads import Stamp
from krt.errors import VersionExpired
from tests.contract.subject import Subject
from tests.fakes.pace import PATIENCE_SECONDS, slack

STAMP = Stamp("2026-01-01T00:00:00.000001Z", "journal 1-0 2026-01-01T00:00:00.000001Z", "acme/shop", EventId(1, 0))
FUTURE = "99999999"


async def version_now(subject: Subject) -> str:
    return (await subject.api.list_page(DEPLOYMENT, subject.namespace, None)).resource_version


async def told(lines: AsyncIterator[bytes], count: int | None = None) -> list[tuple[str, str]]:
    """Type and name of the next changes; None: of all until it ends, which it is to do by itself."""
    seen = []
    with trio.fail_after(PATIENCE_SECONDS):
        while count is None or len(seen) < count:
            if (line := await anext(lines, None)) is None:
                break
            change = read_line(line)
            if change.type != "BOOKMARK":
                seen.append((change.type, READERS["Deployment"].one(change.object).key.name))
    return seen


async def test_a_watch_tells_what_happened_since_its_version_in_order(subject: Subject) -> None:
    await subject.create("before", replicas=0)
    version = await version_now(subject)
    made = await subject.create(replicas=0)
    workload = await subject.api.restart(await subject.api.read(subject.key()), STAMP)
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 5) as lines:
        assert await told(lines, 2) == [("ADDED", "web"), ("MODIFIED", "web")]
        await subject.delete()
        assert await told(lines, 1) == [("DELETED", "web")]
    assert int(version) < int(made["metadata"]["resourceVersion"]) < int(workload.resource_version)


async def test_a_watched_workload_is_the_one_that_is_read(subject: Subject) -> None:
    version = await version_now(subject)
    await subject.create(replicas=0, annotations={"krt/restart": "enabled"})
    restarted = await subject.api.restart(await subject.api.read(subject.key()), STAMP)
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 5) as lines:
        _, second = read_line(await anext(lines)), read_line(await anext(lines))
    assert READERS["Deployment"].one(second.object) == restarted == await subject.api.read(subject.key())


async def test_a_deleted_workload_is_told_at_the_version_of_its_deletion(subject: Subject) -> None:
    await subject.create(replicas=0)
    before = await subject.api.read(subject.key())
    version = await version_now(subject)
    await subject.delete()
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 5) as lines:
        last = READERS["Deployment"].one(read_line(await anext(lines)).object)
    assert last.uid == before.uid
    assert int(last.resource_version) > int(before.resource_version)


async def test_a_change_that_changes_nothing_is_not_told(subject: Subject) -> None:
    await subject.create(replicas=0, annotations={"a": "b"})
    version = await version_now(subject)
    await subject.patch({"metadata": {"annotations": {"a": "b"}}})
    await subject.create("next", replicas=0)
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 5) as lines:
        assert await told(lines, 1) == [("ADDED", "next")]


@pytest.mark.parametrize("whole_cluster", [True, False])
async def test_a_watch_of_a_namespace_tells_of_no_other(subject: Subject, whole_cluster: bool) -> None:
    async with subject.second_namespace() as other:
        version = await version_now(subject)
        await subject.create("theirs", namespace=other, replicas=0)
        await subject.create("ours", replicas=0)
        namespace = None if whole_cluster else subject.namespace
        async with subject.api.watch(DEPLOYMENT, namespace, version, 5) as lines:
            expected = ["theirs", "ours"] if whole_cluster else ["ours"]
            assert await told(lines, len(expected)) == [("ADDED", name) for name in expected]


async def test_a_watch_ends_by_itself_at_its_time_with_a_bookmark_shortly_before(subject: Subject) -> None:
    """The next watch can begin where this one ends."""
    version = await version_now(subject)
    changes = []
    began = trio.current_time()
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 4) as lines:
        await subject.create(replicas=0)
        changes = [read_line(line) async for line in lines]
    assert 3.5 < trio.current_time() - began < 4 + slack(2)
    assert {change.type for change in changes} == {"ADDED", "BOOKMARK"}
    made = READERS["Deployment"].one(changes[0].object)
    assert int(read_version(changes[-1].object)) >= int(made.resource_version)


async def test_a_watch_from_a_forgotten_version_says_so_in_its_first_line(subject: Subject) -> None:
    version = await version_now(subject)
    await subject.create(replicas=0)
    await subject.patch({"metadata": {"labels": {"a": "b"}}})
    await subject.expire_versions()
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 5) as lines:
        change = read_line(await anext(lines))
        assert await anext(lines, None) is None
    status = read_status(change.object)
    assert (change.type, status.code, status.reason) == ("ERROR", 410, "Expired")
    assert isinstance(refusal(status.code, status), VersionExpired)


async def test_a_watch_from_a_version_of_the_future_is_silent(subject: Subject) -> None:
    """As after a restore of etcd: no error says it, so krt goes by the silence."""
    async with subject.api.watch(DEPLOYMENT, subject.namespace, FUTURE, 2) as lines:
        await subject.create(replicas=0)
        assert await told(lines) == []


async def test_a_watch_that_is_left_gives_its_connection_back(subject: Subject) -> None:
    version = await version_now(subject)
    for _ in range(20):  # more than the client has connections
        async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 60):
            pass
    await subject.create(replicas=0)
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 60) as lines:
        assert await told(lines, 1) == [("ADDED", "web")]


async def test_after_a_list_a_short_watch_has_a_bookmark_at_its_version_within_seconds(subject: Subject) -> None:
    """By this krt finds out that nothing has changed (krt/cluster/confirm.py)."""
    made = await subject.create(replicas=0)
    async with subject.second_namespace():  # something else happens
        newest = int(await subject.api.newest_version(DEPLOYMENT, subject.namespace))
        version = made["metadata"]["resourceVersion"]
        async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 3) as lines:
            changes = [read_line(line) async for line in lines]
    assert int(version) < newest
    assert {change.type for change in changes} == {"BOOKMARK"}
    assert int(read_version(changes[0].object)) >= newest


async def test_a_bookmark_says_more_than_where_the_watch_began_or_is_not_sent(subject: Subject) -> None:
    version = (await subject.create(replicas=0))["metadata"]["resourceVersion"]
    async with subject.api.watch(DEPLOYMENT, subject.namespace, version, 3) as lines:
        changes = [read_line(line) async for line in lines]
    assert all(int(read_version(change.object)) > int(version) for change in changes)


async def test_the_newest_version_is_that_of_the_newest_change(subject: Subject) -> None:
    version = (await subject.create(replicas=0))["metadata"]["resourceVersion"]
    assert int(await subject.api.newest_version(DEPLOYMENT, subject.namespace)) >= int(version)
    patched = await subject.patch({"metadata": {"labels": {"a": "b"}}})
    newest = await subject.api.newest_version(DEPLOYMENT, None)
    assert int(newest) >= int(patched["metadata"]["resourceVersion"]) > int(version)
