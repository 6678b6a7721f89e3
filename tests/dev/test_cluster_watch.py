import httpx
import pytest
import trio

from krt.dev.cluster import StandInCluster, deployment, sample_deployments
from krt.dev.cluster.kinds import DEPLOYMENT
from krt.dev.cluster.store import ObjectStore
from krt.dev.cluster.watch import BUFFER
from tests.dev.cluster_client import (
    DEPLOYMENTS,
    RESTART,
    SHOP,
    WEB,
    collect,
    connected,
    patch,
    type_and_name,
    version_of,
    watch_in_process,
    watching,
)
from tests.fakes.polling import until_on_trio_clock

BOOKMARKS = {"allowWatchBookmarks": "true"}


async def touch(client, name="web", value="1"):
    return await patch(client, f"{SHOP}/{name}", {"metadata": {"annotations": {"touched": value}}})


async def test_every_change_after_the_version_is_sent_once_and_in_order(cluster, client):
    version = await version_of(client)
    await touch(client)
    async with watching(client, resourceVersion=version) as events:
        cluster.add(deployment("new", "shop", "nginx"))
        cluster.delete("Deployment", "blog", "blog")
        seen = await collect(events, 3)
    assert [type_and_name(event) for event in seen] == [("MODIFIED", "web"), ("ADDED", "new"), ("DELETED", "blog")]
    numbers = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > int(version)
    assert all(event["object"]["kind"] == "Deployment" for event in seen)


async def test_a_deleted_object_is_sent_in_its_last_state_with_a_version_of_its_own(cluster, client):
    last = cluster.get(*WEB)
    async with watching(client, resourceVersion=await version_of(client)) as events:
        cluster.delete(*WEB)
        (event,) = await collect(events, 1)
    assert event["object"]["spec"] == last["spec"]
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(last["metadata"]["resourceVersion"])


async def test_a_namespaced_watch_tells_of_that_namespace_only(cluster, client):
    async with watching(client, SHOP, resourceVersion=await version_of(client)) as events:
        cluster.patch("Deployment", "blog", "blog", RESTART)
        cluster.patch(*WEB, RESTART)
        assert [type_and_name(event) for event in await collect(events, 1)] == [("MODIFIED", "web")]


async def test_another_kinds_changes_are_not_sent(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        cluster.patch("Namespace", "", "shop", {"metadata": {"annotations": {"krt/restart": "disabled"}}})
        cluster.patch(*WEB, RESTART)
        assert [type_and_name(event) for event in await collect(events, 1)] == [("MODIFIED", "web")]


async def test_namespaces_can_be_watched(cluster, client):
    async with watching(client, "/api/v1/namespaces", resourceVersion=await version_of(client)) as events:
        cluster.patch("Namespace", "", "shop", {"metadata": {"annotations": {"krt/restart": "disabled"}}})
        assert [type_and_name(event) for event in await collect(events, 1)] == [("MODIFIED", "shop")]


async def test_a_patch_that_changes_nothing_is_not_sent(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        cluster.patch(*WEB, {})
        cluster.patch("Deployment", "shop", "search", RESTART)
        assert [type_and_name(event) for event in await collect(events, 1)] == [("MODIFIED", "search")]


@pytest.mark.parametrize("version", ["", "0"])
async def test_without_a_version_every_object_is_sent_first_and_then_a_bookmark(client, version):
    async with watching(client, SHOP, resourceVersion=version, **BOOKMARKS) as events:
        seen = await collect(events, 4)
    assert [type_and_name(event) for event in seen[:3]] == [("ADDED", name) for name in ("search", "web", "worker")]
    assert seen[3]["type"] == "BOOKMARK"
    assert seen[3]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_version_that_is_too_old_gets_one_error_event(cluster, client):
    version = await version_of(client)
    await touch(client)
    cluster.store.compact()
    async with watching(client, resourceVersion=version) as events:
        (event,) = await collect(events)
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"]) == ("Status", 410)
    assert (event["object"]["reason"], event["object"]["message"][:24]) == ("Expired", "too old resource version")


async def test_only_so_many_changes_are_remembered():
    cluster = StandInCluster(sample_deployments(), store=ObjectStore(history=3))
    async with connected(cluster) as client:
        version = await version_of(client)
        for value in "1234":
            await touch(client, value=value)
        async with watching(client, resourceVersion=version) as events:
            assert [event["type"] for event in await collect(events)] == ["ERROR"]
        async with watching(client, resourceVersion=int(version) + 1) as events:
            assert len(await collect(events, 3)) == 3


async def test_the_present_version_survives_a_compaction(cluster, client):
    cluster.store.compact()
    async with watching(client, resourceVersion=await version_of(client)) as events:
        await touch(client)
        assert [type_and_name(event) for event in await collect(events, 1)] == [("MODIFIED", "web")]


async def test_open_watches_can_be_ended(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        assert cluster.open_watches == 1
        cluster.end_watches()
        assert await collect(events) == []
    assert cluster.open_watches == 0


async def test_a_change_after_a_watch_has_ended_is_not_sent(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        cluster.end_watches()
        cluster.patch(*WEB, RESTART)
        assert await collect(events) == []


async def test_open_watches_can_expire(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        await touch(client)
        cluster.end_watches(expired=True)
        assert [event["type"] for event in await collect(events)] == ["MODIFIED", "ERROR"]


async def test_a_client_that_goes_away_leaves_no_watch(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)):
        assert cluster.open_watches == 1
    await until_on_trio_clock(lambda: not cluster.open_watches)


async def test_a_reader_that_falls_behind_is_dropped_after_what_was_kept_for_it(cluster):
    slow = cluster.store.watch(DEPLOYMENT, "", cluster.store.number)
    for number in range(BUFFER + 1):
        cluster.patch(*WEB, {"metadata": {"annotations": {"n": str(number)}}})
    assert cluster.open_watches == 0
    changes = [await slow.next() for _ in range(BUFFER)]
    assert all(change.version.key == "shop/web" for change in changes)
    with pytest.raises(trio.EndOfChannel):
        await slow.next()


async def test_a_watch_can_break_in_the_middle_of_an_object(cluster, client):
    async with watching(client, resourceVersion=await version_of(client)) as events:
        cluster.faults.cut_watches = True
        await touch(client)
        (error,) = await collect(events)
    assert isinstance(error, httpx.RemoteProtocolError | ValueError)


@pytest.mark.parametrize(
    ("params", "code"),
    [({"resourceVersion": "abc"}, 500), ({"timeoutSeconds": "abc"}, 400), ({"resourceVersion": "-1"}, 500)],
)
async def test_a_malformed_watch_is_refused(client, params, code):
    answer = await client.get(DEPLOYMENTS, params={"watch": "1", **params})
    assert (answer.status_code, answer.json()["code"]) == (code, code)


async def test_a_watch_ends_at_its_timeout(cluster, autojump_clock):
    seen = await watch_in_process(cluster, 60, resourceVersion=cluster.store.number, timeoutSeconds=42)
    assert (seen.events, seen.ended) == ((), 42)


async def test_without_a_timeout_it_ends_after_half_an_hour(cluster, autojump_clock):
    seen = await watch_in_process(cluster, 7200, resourceVersion=cluster.store.number)
    assert seen.ended == 1_800


def something_else(cluster) -> int:
    """Happens; the version before it."""
    version = cluster.store.number
    cluster.store.create({"kind": "Namespace", "metadata": {"name": f"elsewhere-{version}"}})
    return version


async def test_bookmarks_come_every_minute_and_once_more_two_seconds_before_the_end(cluster, autojump_clock):
    version = something_else(cluster)
    seen = await watch_in_process(cluster, 300, resourceVersion=version, timeoutSeconds=150, allowWatchBookmarks="true")
    assert seen.types[:3] == ["BOOKMARK"] * 3
    assert seen.times[:3] == [60, 120, 148]


async def test_a_bookmark_tells_the_version_of_now_whatever_changed(cluster, autojump_clock):
    version = cluster.store.number
    cluster.patch("Deployment", "blog", "blog", RESTART)
    seen = await watch_in_process(cluster, 61, SHOP, resourceVersion=version, allowWatchBookmarks="true")
    ((_seconds, bookmark),) = seen.events
    assert bookmark["object"]["metadata"] == {"resourceVersion": str(version + 1)}


async def test_a_bookmark_carries_nulls_where_an_object_has_lists(cluster, autojump_clock):
    seen = await watch_in_process(cluster, 61, resourceVersion=something_else(cluster), allowWatchBookmarks="true")
    ((_seconds, bookmark),) = seen.events
    assert bookmark["object"]["kind"] == "Deployment"
    assert bookmark["object"]["spec"]["template"]["spec"]["containers"] is None


async def test_no_bookmark_says_what_the_reader_began_with(cluster, autojump_clock):
    seen = await watch_in_process(cluster, 200, resourceVersion=cluster.store.number, allowWatchBookmarks="true")
    assert seen.events == ()


async def test_a_stream_of_changes_keeps_no_bookmark_back_nor_runs_ahead_of_it(cluster, autojump_clock):
    async def change():
        for number in range(200):
            await trio.sleep(0.5)
            cluster.patch(*WEB, {"metadata": {"annotations": {"n": str(number)}}})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        seen = await watch_in_process(cluster, 99, resourceVersion=cluster.store.number, allowWatchBookmarks="true")
        nursery.cancel_scope.cancel()
    assert seen.types.count("BOOKMARK") == 1
    numbers = [int(event["object"]["metadata"]["resourceVersion"]) for _seconds, event in seen.events]
    assert numbers == sorted(numbers)


async def test_no_bookmark_is_sent_to_who_did_not_ask(cluster, autojump_clock):
    seen = await watch_in_process(cluster, 500, resourceVersion=cluster.store.number)
    assert seen.events == ()


async def test_a_watch_from_the_future_is_silent(cluster, autojump_clock):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 10)
        seen = await watch_in_process(cluster, 500, resourceVersion=99_999, allowWatchBookmarks="true")
    assert (seen.events, seen.ended) == ((), None)


async def test_a_silent_watch_says_nothing_more_not_even_that_it_ends(cluster, autojump_clock):
    cluster.faults.silent_watches = True
    version = cluster.store.number
    cluster.patch(*WEB, RESTART)
    seen = await watch_in_process(cluster, 500, resourceVersion=version, timeoutSeconds=100, allowWatchBookmarks="true")
    assert (seen.events, seen.ended) == ((), None)


async def test_a_watch_that_fell_silent_stays_so_and_the_next_one_speaks(cluster, autojump_clock):
    version = cluster.store.number
    cluster.patch(*WEB, RESTART)
    cluster.faults.silent_watches = True

    async def recover():
        await trio.sleep(10)
        cluster.faults.clear()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(recover)
        assert (await watch_in_process(cluster, 100, resourceVersion=version)).events == ()
    assert (await watch_in_process(cluster, 100, resourceVersion=version)).types == ["MODIFIED"]


@pytest.mark.parametrize(("value", "verb"), [("true", "watch"), ("1", "watch"), ("false", "list"), ("0", "list")])
async def test_watch_is_read_as_kubernetes_reads_a_boolean(cluster, autojump_clock, value, verb):
    await watch_in_process(cluster, 10, watch=value, resourceVersion=1)
    assert list(cluster.requests) == [(verb, "deployments")]
