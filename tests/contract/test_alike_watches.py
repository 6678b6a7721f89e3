"""The stand-in's watches tell what the real server's tell, event by event, to the last bookmark and the last 410."""

import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import trio

from tests.contract.normal import Normal, assert_same, normal, normal_value
from tests.contract.pair import RESTART, Pair, both
from tests.contract.subject import Subject


async def test_a_life(pair: Pair) -> None:
    real, stand_in = await both(pair, told_of_a_life)
    assert_same(stand_in, real)
    assert [event["type"] for event in real] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED", "BOOKMARK"]


async def test_what_is_told_first_without_a_version(pair: Pair) -> None:
    params = {"watch": "1", "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    real, stand_in = await both(pair, lambda subject: events(subject, params))
    assert_same(stand_in, real)
    assert [event["type"] for event in real[:3]] == ["ADDED"] * 3


async def test_expired_versions(pair: Pair) -> None:
    real, stand_in = await both(pair, expired)
    assert_same(stand_in, real)
    assert [each.status for each in real] == [200, 410, 200]


async def told_of_a_life(subject: Subject) -> list[Any]:
    """Begun before it: the real server's last bookmark may be missing where a watch had to catch up."""

    async def live() -> None:
        await subject.create("new", replicas=0)
        await subject.patch(RESTART, "new", manager="krt")
        await subject.patch(RESTART, "new", manager="krt")  # changes nothing, so nobody hears of it
        await subject.patch({"metadata": {"labels": {"a": "b"}}}, "new")
        await subject.delete("new")

    version = (await subject.client.get(subject.path)).json()["metadata"]["resourceVersion"]
    params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "4", "allowWatchBookmarks": "true"}
    return await events(subject, params, live)


async def events(
    subject: Subject, params: dict[str, str], meanwhile: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
) -> list[Any]:
    async with subject.client.stream("GET", subject.path, params=params) as response:
        assert response.status_code == 200, await response.aread()
        await meanwhile()
        told = [normal_value(json.loads(line)) async for line in response.aiter_lines()]
    return [event for before, event in pairwise([None, *told]) if event != before]  # one bookmark is as good as two


async def expired(subject: Subject) -> list[Normal]:
    """A watch, a page, and the rest of that list as it is by now."""
    page = (await subject.client.get(subject.path, params={"limit": "1"})).json()["metadata"]
    await subject.patch(RESTART)
    await subject.expire_versions()
    watch = {"watch": "1", "resourceVersion": page["resourceVersion"], "timeoutSeconds": "5"}
    watched = await subject.client.get(subject.path, params=watch)
    continued = await subject.client.get(subject.path, params={"limit": "1", "continue": page["continue"]})
    onward = {"continue": continued.json()["metadata"]["continue"]}
    return [normal(each) for each in (watched, continued, await subject.client.get(subject.path, params=onward))]
