"""Repairs of one object: at once at first, and then less and less often."""

import itertools

import trio
from trio.testing import MockClock

from krt.controller.fights import FEW, Fights
from krt.core.kube.object_key import ObjectKey

KEY, OTHER = ObjectKey("", "ConfigMap", "shop", "a"), ObjectKey("", "ConfigMap", "shop", "b")


async def test_an_object_that_is_changed_again_and_again_waits_up_to_five_minutes(autojump_clock: MockClock) -> None:
    """Seen to fail with pauses without a bound."""
    fights, times = Fights(), list[float]()
    while trio.current_time() < 3600:
        if fights.may_repair("shop", KEY):
            fights.note("shop", (KEY,))
            times.append(trio.current_time())
        await trio.sleep(0.5)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[: FEW - 1] == [0.5] * (FEW - 1)
    assert pauses[FEW : FEW + 4] == [2.0, 4.0, 8.0, 16.0]
    assert max(pauses) == 300.0
    assert fights.fought("shop") == (KEY,)
    assert fights.may_repair("shop", OTHER)
    assert fights.fought("base") == ()


async def test_ten_quiet_minutes_end_a_fight(autojump_clock: MockClock) -> None:
    """Seen to fail with repairs that are never forgotten."""
    fights = Fights()
    for _ in range(FEW):
        fights.note("shop", (KEY,))
    assert fights.fought("shop") == (KEY,)
    await trio.sleep(601)
    assert fights.fought("shop") == ()
    assert fights.may_repair("shop", KEY)
