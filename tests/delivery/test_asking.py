"""A call of a delivery: again while nobody answers, and with a sentence if it is refused."""

import pytest
import trio

from krt.cluster.object_errors import NotServed, TooManyRequests
from krt.delivery.asking import PATIENCE_SECONDS, ask
from krt.delivery.errors import DeliveryFailed
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, NotThere


class Api:
    """Raises these errors one after the other, the last one for ever, or answers once they are used up."""

    def __init__(self, *errors: Exception, for_ever: bool = False) -> None:
        self.errors = list(errors)
        self.for_ever = for_ever
        self.calls = 0
        self.notes: list[str] = []

    async def call(self) -> str:
        self.calls += 1
        if not self.errors:
            return "done"
        raise self.errors[0] if self.for_ever else self.errors.pop(0)

    async def ask(self) -> str:
        return await ask("reading it", self.call, self.notes.append)


async def test_a_call_that_was_not_answered_is_made_again_and_noted_once(autojump_clock) -> None:
    api = Api(ClusterUnavailable("no answer"), ClusterUnavailable("no answer"))
    assert await api.ask() == "done"
    assert api.notes == ["reading it: no answer; trying again for 30 s"]


async def test_it_ends_after_a_while(autojump_clock) -> None:
    began = trio.current_time()
    with pytest.raises(DeliveryFailed, match=r"^reading it: no answer$"):
        await Api(ClusterUnavailable("no answer"), for_ever=True).ask()
    assert PATIENCE_SECONDS < trio.current_time() - began < PATIENCE_SECONDS + 6


async def test_a_server_that_is_busy_is_asked_when_it_wants_and_not_if_that_is_too_late(autojump_clock) -> None:
    """Seen to fail with Retry-After not counted as waiting."""
    began = trio.current_time()
    assert await Api(TooManyRequests("busy", retry_after_seconds=20)).ask() == "done"
    assert trio.current_time() - began >= 20
    late = Api(TooManyRequests("busy", retry_after_seconds=60))
    with pytest.raises(DeliveryFailed, match=r"^reading it: busy$"):
        await late.ask()
    assert late.calls == 1


@pytest.mark.parametrize("error", [ClusterDenied("no"), ClusterRefused("no"), NotServed("no")])
async def test_a_refusal_ends_it_at_once(error: Exception) -> None:
    api = Api(error)
    with pytest.raises(DeliveryFailed, match=r"^reading it: no$"):
        await api.ask()
    assert (api.calls, api.notes) == (1, [])


@pytest.mark.parametrize("error", [Conflict("changed"), NotThere("gone")])
async def test_what_the_caller_must_judge_is_left_to_it(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Api(error).ask()
