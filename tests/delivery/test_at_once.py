"""Work for many items a few at a time, calls that are repeated, and reports that come in time."""

import pytest
import trio
from trio.testing import MockClock

from krt.cluster.object_errors import NotServed, TooManyRequests
from krt.core.delivery.ownership import Owner
from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import Action
from krt.core.report.report import EventState
from krt.core.report.report_document import Document
from krt.core.report.target import TargetState
from krt.delivery.asking import patiently
from krt.delivery.at_once import MOST_AT_ONCE, each
from krt.delivery.progress import Progress
from krt.errors import ClusterRefused, ClusterUnavailable, NotThere

KEY = ObjectKey("", "ConfigMap", "shop", "a")


async def test_at_most_eight_at_a_time_and_no_item_twice(autojump_clock: MockClock) -> None:
    """Seen to fail with nine."""
    running, most, done = 0, 0, []

    async def work(item: int) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1 + item % 3)
        running -= 1
        done.append(item)
        return True

    await each(range(100), work)
    assert (most, sorted(done)) == (MOST_AT_ONCE, list(range(100)))


async def test_after_a_failure_no_further_item_is_begun_and_begun_ones_end(autojump_clock: MockClock) -> None:
    """Seen to fail with all of them begun."""
    begun, ended = [], []

    async def work(item: int) -> bool:
        begun.append(item)
        await trio.sleep(2 if item else 1)
        ended.append(item)
        return item != 0

    await each(range(100), work)
    assert sorted(begun) == sorted(ended) == list(range(MOST_AT_ONCE))


async def test_a_busy_server_is_asked_when_it_said_so(autojump_clock: MockClock) -> None:
    """Seen to fail with Retry-After passed over."""
    errors = [TooManyRequests("busy", retry_after_seconds=30), ClusterUnavailable("away")]
    told: list[str] = []

    async def call() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    began = trio.current_time()
    assert await patiently(call, told.append) == "done"
    assert told == ["busy", "away"]
    assert 30 <= trio.current_time() - began < 31


@pytest.mark.parametrize("error", [ClusterRefused("no"), NotThere("gone"), NotServed("no such kind")])
async def test_a_refusal_is_not_repeated(error: Exception, autojump_clock: MockClock) -> None:
    async def call() -> None:
        raise error

    with pytest.raises(type(error)):
        await patiently(call, lambda _: None)


async def test_a_404_is_repeated_where_the_object_may_appear(autojump_clock: MockClock) -> None:
    answers: list[Exception] = [NotServed("no such kind"), NotServed("no such kind")]

    async def call() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert await patiently(call, lambda _: None, may_appear=lambda error: isinstance(error, NotServed)) == "done"


async def test_documents_come_five_times_a_second_at_most_and_the_last_has_everything(
    autojump_clock: MockClock,
) -> None:
    """Seen to fail without the pause."""
    shown: list[Document] = []
    progress = Progress(Owner("Bundle", "shop"), shown.append, is_dry_run=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.keep_showing)
        for number in range(1000):
            progress.say(KEY._replace(name=f"a{number}"), Action.APPLY, TargetState.READY)
            await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    last = progress.end(EventState.READY)
    assert 4 <= len(shown) <= 8
    assert shown[-1] is last
    assert (len(last.targets), last.is_final) == (1000, True)


async def test_a_target_tells_the_seconds_since_it_began(autojump_clock: MockClock) -> None:
    progress = Progress(Owner("Bundle", "shop"), lambda _: None, is_dry_run=False)
    progress.say(KEY, Action.APPLY, TargetState.PROGRESSING, "0 of 1")
    await trio.sleep(7)
    progress.say(KEY, Action.APPLY, TargetState.PROGRESSING, "1 of 1")
    progress.fail_unsettled("not ready within 7 s")
    [target] = progress.end(EventState.FAILED).targets
    assert (target.state, target.seconds, target.reason) == ("failed", 7.0, "not ready within 7 s; 1 of 1")
