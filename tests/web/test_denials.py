"""Ten lines a second of each kind of stranger, then one with the count."""

import logging
from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from krt.web.denials import DenialLog


@pytest.fixture
async def denials(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> DenialLog:
    caplog.set_level(logging.INFO)
    denials = DenialLog()
    nursery.start_soon(denials.tell_counts)
    return denials


def lines(caplog: pytest.LogCaptureFixture) -> Counter[tuple[str, str]]:
    return Counter((record.message, record.__dict__["fields"]["reason"]) for record in caplog.records)


async def test_ten_lines_are_written_and_the_rest_counted(
    denials: DenialLog, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    for number in range(1234):
        denials.say("request_ended", "missing", peer=str(number))
    await trio.sleep(2)
    assert lines(caplog) == {("request_ended", "missing"): 10, ("lines_left_out", "missing"): 1}
    fields = caplog.records[-1].__dict__["fields"]
    assert (fields["count"], fields["of"]) == (1224, "request_ended")


async def test_each_kind_has_its_ten(
    denials: DenialLog, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    for _ in range(20):
        for reason in ("missing", "expired"):
            denials.say("request_ended", reason)
        denials.say("connection_denied", "missing")
    assert set(lines(caplog).values()) == {10}
    await trio.sleep(2)
    assert len(caplog.records) == 33


async def test_the_next_second_has_ten_more(
    denials: DenialLog, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    for _ in range(5):
        for _ in range(15):
            denials.say("request_ended", "missing")
        await trio.sleep(1)
    await trio.sleep(1)
    counted = sum(r.__dict__["fields"].get("count", 0) for r in caplog.records)
    assert lines(caplog)["request_ended", "missing"] == 50
    assert counted == 25


async def test_what_was_left_out_is_told_at_the_end_too(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO)
    denials = DenialLog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(denials.tell_counts)
        for _ in range(11):
            denials.say("request_ended", "missing")
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert caplog.records[-1].__dict__["fields"]["count"] == 1
