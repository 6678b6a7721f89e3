"""The newest events as the live page reads them, before a real Valkey."""

from dataclasses import replace

import pytest

from krt.broker.client import Client
from krt.broker.recent import MOST_EVENTS, MOST_FIELDS, RecentReports
from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.report.report import ENDED, Group, GroupState
from krt.core.report.target import Target, TargetState
from krt.errors import BrokerUnavailable
from tests.fakes.keys import a_key
from tests.worker.accepting import GROUP, KEYS, accept, some_rollouts

WEB = a_key("Deployment", "shop", "web")
MATCHED, SETTLED = Group(GroupState.MATCHED), Group(GroupState.SETTLED, final=True)
ROLLING = Target(TargetState.PROGRESSING, version=6)
READY = Target(TargetState.READY, version=7)


class Counting(Client):
    """Counts what is answered."""

    def __init__(self, client: Client) -> None:
        super().__init__(client.endpoint)
        self.answers: list[object] = []

    async def eval_script(self, *arguments):
        answer = await super().eval_script(*arguments)
        self.answers.append(answer)
        return answer


@pytest.fixture
def counting(client):
    opened = Counting(client)
    yield opened
    opened.close()


@pytest.fixture
def recent(counting) -> RecentReports:
    return RecentReports(counting, KEYS)


async def end(client, event: EventId) -> None:
    await some_rollouts(client).settle(event, SETTLED, {WEB: READY}, {})


async def test_nothing_was_announced_yet(recent):
    found = await recent.read()
    assert (found.newest, found.others, found.seen.groups) == ((), {}, {})


async def test_the_newest_come_first_and_the_oldest_are_left_out(client, recent):
    events = [await accept(client, f"t-{number}") for number in range(MOST_EVENTS + 2)]
    found = await recent.read()
    assert [report.id for report in found.newest] == events[:1:-1]
    assert found.has_older


async def test_it_says_whether_there_are_older_events(client, recent):
    for number in range(MOST_EVENTS):
        await accept(client, f"t-{number}")
    found = await recent.read()
    assert (len(found.newest), found.has_older) == (MOST_EVENTS, False)


async def test_what_is_read_is_the_report_that_the_job_is_shown(client, recent):
    event = await accept(client)
    await some_rollouts(client).say_alive()
    await some_rollouts(client).record(event, MATCHED, {WEB: replace_warnings(ROLLING)}, {WEB: "u-1"})
    found, shown = await recent.read(), await Reports(client, KEYS).read(event)
    assert shown
    assert found.newest == (shown[0],)
    assert replace(found.seen, now=0) == replace(shown[1], now=0)


def replace_warnings(target: Target) -> Target:
    return Target(target.state, warnings=("paused",), version=target.version)


async def test_looking_changes_nothing(client, recent):
    """The job's own look keeps the final state that it was told; the page's does not."""
    event = await accept(client)
    await end(client, event)
    before = await client.call("HGETALL", KEYS.report(str(event)))
    await recent.read([event])
    assert await client.call("HGETALL", KEYS.report(str(event))) == before
    assert await client.call("HEXISTS", KEYS.report(str(event)), ENDED) == 0


async def test_what_has_ended_is_not_sent_again_and_what_goes_on_is(client, counting, recent):
    """Seen to fail with nothing known."""
    done, rolling = await accept(client, "t-1"), await accept(client, "t-2")
    await end(client, done)
    await some_rollouts(client).record(rolling, MATCHED, {WEB: ROLLING}, {})
    first, second = await recent.read(), await recent.read()
    assert first.newest == second.newest
    answered = {name: fields for name, _, fields in counting.answers[-1][2]}
    assert answered[str(done).encode()] == []
    assert answered[str(rolling).encode()] != []


async def test_an_ended_report_that_another_cluster_joins_is_read_again(client, recent):
    """Seen to fail with what is known taken whatever its size is now."""
    event = await accept(client)
    await end(client, event)
    await recent.read()
    await some_rollouts(client, group="eu:1").record(event, MATCHED, {WEB: ROLLING}, {})
    assert set((await recent.read()).newest[0].groups) == {GROUP, "eu:1"}


async def test_a_report_that_was_told_its_end_in_the_meantime_says_so(client, recent):
    event = await accept(client)
    await end(client, event)
    assert (await recent.read()).newest[0].ended is None
    await Reports(client, KEYS).read(event)
    assert (await recent.read()).newest[0].ended == "ready"


async def test_an_older_event_is_read_where_it_is_asked_for(client, recent):
    older = await accept(client, "t-first")
    for number in range(MOST_EVENTS):
        await accept(client, f"t-{number}")
    found = await recent.read([older, EventId(1, 0)])
    assert older not in {report.id for report in found.newest}
    assert list(found.others) == [older]


async def test_a_report_too_long_for_one_answer_is_read_in_pieces(client, recent):
    event = await accept(client)
    keys = [a_key("Deployment", "shop", f"web-{number:03}") for number in range(1000)]
    wordy = Target(TargetState.PROGRESSING, reason="x" * 300)
    await some_rollouts(client).record(event, MATCHED, dict.fromkeys(keys, wordy), {})
    (report,) = (await recent.read()).newest
    assert len(report.targets) == 1000


async def test_many_reports_that_are_long_together_are_all_read(client, counting, recent):
    """Seen to fail, by a connection that is cut, without a bound on the bytes of an answer."""
    keys = [a_key("Deployment", "shop", f"web-{number:03}") for number in range(90)]
    wordy = Target(TargetState.PROGRESSING, reason="x" * 300)
    for number in range(50):
        event = await accept(client, f"t-{number}")
        await some_rollouts(client).record(event, MATCHED, dict.fromkeys(keys, wordy), {})
    assert [len(report.targets) for report in (await recent.read()).newest] == [90] * 50
    assert sum(len(part) for _, _, fields in counting.answers[0][2] for part in fields) < 512 * 1024


async def test_no_more_than_so_many_fields_are_looked_through(client, recent):
    """The newest event is shown whatever its size."""
    many = {f"target/{GROUP}/Deployment/shop/web-{number}": "{}" for number in range(MOST_FIELDS // 2)}
    flat = [part for field in many.items() for part in field]
    events = [await accept(client, f"t-{number}") for number in range(3)]
    for event in events:
        await client.call("HSET", KEYS.report(str(event)), *flat)
    found = await recent.read()
    assert ([report.id for report in found.newest], found.has_older) == ([events[2]], True)


async def test_an_entry_without_a_report_is_passed_over(client, recent):
    await client.call("XADD", KEYS.journal, "*", "schema", "0")
    event = await accept(client)
    await client.call("XADD", KEYS.journal, "*", "schema", "0")
    assert [report.id for report in (await recent.read()).newest] == [event]


async def test_without_a_valkey_there_is_nothing_to_be_read(client, valkey, recent):
    await accept(client)
    await valkey.stop()
    with pytest.raises(BrokerUnavailable):
        await recent.read()
