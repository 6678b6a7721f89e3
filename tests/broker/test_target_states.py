"""The scripts and the table of a target's states say the same, seen at a real Valkey: from each state to each other."""

from itertools import product

import pytest

from krt.core.announce.event_id import EventId
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.report import MOST_TARGETS, Group, GroupState
from krt.core.report.report_fields import target_field
from krt.core.report.target import TABLE, Target, TargetState
from tests.fakes.keys import a_key
from tests.worker.accepting import GROUP, KEYS, accept, some_rollouts

WEB = a_key("Deployment", "shop", "web")
FIELD = target_field(GROUP, WEB)
MATCHED = Group(GroupState.MATCHED)
PAIRS = list(product(TargetState, TargetState))

# What is stored by no krt of today, and whether it is overwritten.
STRANGE = [
    ('{"state":"paused"}', True),
    ('{"state":"paused","final":true}', False),  # a newer krt's last word
    ('{"state":"paused","final":"yes"}', True),
    ('{"state":"ready"}', True),  # no krt leaves `final` out
    ('{"state":"waiting","final":true}', True),
    ('{"state":{},"final":true}', False),
    ('{"state":null}', True),
    ('{"final":true}', False),
]


async def stored(client, event: EventId) -> bytes | None:
    found = await client.call("HGET", KEYS.report(str(event)), FIELD)
    assert found is None or isinstance(found, bytes)
    return found


@pytest.mark.parametrize("way", ["record", "settle", "tell"])
@pytest.mark.parametrize(("was", "to"), PAIRS)
async def test_T1_from_each_state_to_each_other_as_the_table_has_it(client, was: TargetState, to: TargetState, way):
    """Seen to fail with what may become of a state left out of what the scripts know."""
    rollouts = some_rollouts(client)
    event = await accept(client)
    old, new = Target(was, "was", version=7, uid="u1"), Target(to, "is", version=8, uid="u1")
    await rollouts.record(event, MATCHED, {WEB: old}, {WEB: "u1"})
    before = await stored(client, event)
    if way == "record":
        await rollouts.record(event, MATCHED, {WEB: new}, {})
    elif way == "settle":
        await rollouts.settle(event, MATCHED, {WEB: new}, {})
    else:
        await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), new)
    assert (await stored(client, event) != before) == old.may_become(to)


@pytest.mark.parametrize(("was", "to"), PAIRS)
async def test_T1_between_no_two_states_does_an_older_version_come_after(client, was: TargetState, to: TargetState):
    """Seen to fail with the versions not compared."""
    rollouts = some_rollouts(client)
    event = await accept(client)
    await rollouts.record(event, MATCHED, {WEB: Target(was, "was", version=7, uid="u1")}, {})
    before = await stored(client, event)
    await rollouts.record(event, MATCHED, {WEB: Target(to, "is", version=6, uid="u1")}, {})
    assert await stored(client, event) == before


@pytest.mark.parametrize(("text", "is_overwritten"), STRANGE)
async def test_what_no_krt_of_today_wrote_stays_only_as_a_last_word(client, text: str, is_overwritten: bool):
    rollouts = some_rollouts(client)
    event = await accept(client)
    await client.call("HSET", KEYS.report(str(event)), FIELD, text)
    await rollouts.record(event, MATCHED, {WEB: Target(TargetState.PROGRESSING)}, {})
    assert (await stored(client, event) != text.encode()) == is_overwritten


@pytest.mark.parametrize("state", TargetState)
async def test_T1_beyond_a_thousand_fields_those_are_dropped_that_the_table_folds(client, state: TargetState):
    """And where one of them was done as was asked for, that there are some. Seen to fail with every state folded."""
    rollouts = some_rollouts(client)
    event = await accept(client)
    many = {a_key("Deployment", "shop", f"web-{number}"): Target(TargetState.WAITING) for number in range(1000)}
    await rollouts.record(event, Group(GroupState.MATCHED, workloads=MOST_TARGETS + 1), many, {})
    await rollouts.record(event, Group(GroupState.MATCHED, workloads=MOST_TARGETS + 1), {WEB: Target(state)}, {})
    rule = TABLE[state]
    assert (await stored(client, event) is None) == rule.is_folded
    done = await client.call("HEXISTS", KEYS.report(str(event)), f"done/{GROUP}")
    assert done == (rule.is_folded and rule.is_success)
