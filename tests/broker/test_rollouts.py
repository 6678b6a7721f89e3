"""What workers keep of rollouts, before a real Valkey: reports move only forward, and what is followed survives."""

import msgspec
import pytest
import trio

from krt.broker.channel import subscribe
from krt.broker.clusters import seen_clusters, seen_of
from krt.broker.keys import Keys
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.ports.channel import ChannelMessage, Subscribed
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.presence import Presence
from krt.core.report.report import Group, GroupState, Standing
from krt.core.report.report_fields import group_field, target_field, to_json
from krt.core.report.target import LAST, Target, TargetState
from tests.broker.outcomes import MATCHED, SETTLED, progressing, read, ready
from tests.core.odd_fields import ODD
from tests.fakes.keys import a_key
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_trio_clock
from tests.worker.accepting import GROUP, KEYS, a_journal, accept, pending, some_rollouts

WEB, API = a_key("Deployment", "shop", "web"), a_key("Deployment", "shop", "api")
WAITING = Target(TargetState.WAITING, uid="u1")
FIELD = target_field(GROUP, WEB)


@pytest.fixture
def rollouts(client) -> ValkeyRollouts:
    return some_rollouts(client)


async def recorded(client, rollouts: ValkeyRollouts, token: str = "t-1", uid: str = "u1") -> EventId:
    """An event that a worker has in hand, and has written down that it will restart shop/web for."""
    event = await accept(client, token)
    await a_journal(client).read_new(10)
    await rollouts.record(event, MATCHED, {WEB: Target(TargetState.WAITING, uid=uid)}, {WEB: uid})
    return event


async def target(client, event: EventId) -> Target:
    return (await read(client, event)).targets[GROUP, WEB]


async def test_T2_what_is_about_to_be_done_is_written_down_and_followed(client, rollouts):
    """Seen to fail with the loop over what to follow removed from RECORD."""
    event = await recorded(client, rollouts)
    found = await read(client, event)
    assert (found.groups, found.targets) == ({GROUP: MATCHED}, {(GROUP, WEB): WAITING})
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (event,)),)
    assert await pending(client) == 1


async def test_T2_recorded_again_by_the_worker_that_takes_over_is_recorded_once(client, rollouts):
    """Seen to fail with the look for the id removed from RECORD."""
    event = await recorded(client, rollouts)
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (event,)),)


async def test_T2_what_was_told_before_the_worker_died_is_not_taken_back_by_the_one_that_takes_over(client, rollouts):
    """Seen to fail with the versions not compared."""
    event = await recorded(client, rollouts)
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), progressing(7))
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    assert await target(client, event) == progressing(7)


async def test_T3_every_event_that_waits_for_a_workload_follows_it_oldest_first(client, rollouts):
    """Seen to fail with each event in the place of the one before."""
    events = tuple([await recorded(client, rollouts, f"t-{number}") for number in range(12)])
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", events),)


async def test_T3_an_object_without_a_namespace_is_followed_and_told(client, rollouts):
    """Seen to fail with the script FOLLOWED as it was when every object had a namespace: it deleted the field."""
    event = await accept(client, "t-1")
    key = BUNDLE_DEPLOYMENT.key("", "shop")
    await rollouts.record(event, MATCHED, {key: WAITING}, {key: "u1"})
    assert await rollouts.followed() == (FollowedWorkload(key, "u1", (event,)),)
    done = Target(TargetState.READY, uid="u1", version=7, digest="sha256:1")
    assert await rollouts.tell(FollowedWorkload(key, "u1", (event,)), done) == 1
    assert (await read(client, event)).targets == {(GROUP, key): done}
    assert await rollouts.followed() == ()


async def test_T3_a_recreated_workload_is_followed_as_another_one(client, rollouts):
    """Seen to fail with the uid left out of the name."""
    old, new = await recorded(client, rollouts), await recorded(client, rollouts, "t-2", uid="u2")
    assert set(await rollouts.followed()) == {FollowedWorkload(WEB, "u1", (old,)), FollowedWorkload(WEB, "u2", (new,))}


async def test_T1_a_report_moves_only_to_higher_versions(client, rollouts):
    """Seen to fail with the versions not compared."""
    event = await recorded(client, rollouts)
    followed = FollowedWorkload(WEB, "u1", (event,))
    assert [await rollouts.tell(followed, progressing(version)) for version in (7, 6, 7, 8)] == [1, 0, 0, 1]
    assert await target(client, event) == progressing(8)


async def test_T1_what_was_skipped_may_come_to_match(client, rollouts):
    """Seen to fail with every final state kept: it was restarted, and the event ended as no_match."""
    event = await accept(client)
    skipped = Target(TargetState.SKIPPED, reason="another tag")
    await rollouts.record(event, MATCHED, {WEB: skipped}, {})
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), ready(7))
    assert (await read(client, event)).targets[GROUP, WEB] == ready(7)
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    assert (await read(client, event)).targets[GROUP, WEB] == ready(7)


async def test_T1_what_was_given_up_as_no_match_stays_so(client, rollouts):
    """Seen to fail with versions not compared."""
    event = await accept(client)
    gone = Target(TargetState.SKIPPED, reason="deleted or recreated", version=LAST)
    await rollouts.record(event, MATCHED, {WEB: gone}, {})
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    assert (await read(client, event)).targets[GROUP, WEB] == gone


async def test_T1_a_final_state_stays(client, rollouts):
    """Seen to fail with `final` not looked at."""
    event = await recorded(client, rollouts)
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), ready(7))
    await rollouts.record(event, MATCHED, {WEB: WAITING}, {WEB: "u1"})
    assert await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), progressing(9)) == 0
    failed = Target(TargetState.FAILED, "internal", version=LAST)
    await rollouts.settle(event, SETTLED, {WEB: failed}, {})
    assert await target(client, event) == ready(7)
    await rollouts.settle(event, Group(GroupState.EXPIRED, final=True), {}, {})
    assert (await read(client, event)).groups[GROUP] == SETTLED


async def test_T1_the_outcome_is_written_and_the_entry_acknowledged_in_one_step(client, rollouts):
    """Seen to fail with the XACK removed from SETTLE."""
    event = await recorded(client, rollouts)
    refused = Target(TargetState.FAILED, "422", version=LAST)
    await rollouts.settle(event, SETTLED, {WEB: refused, API: progressing(7)}, {})
    found = await read(client, event)
    assert found.targets == {(GROUP, WEB): refused, (GROUP, API): progressing(7)}
    assert found.groups == {GROUP: SETTLED}
    assert await pending(client) == 0


async def test_T1_a_script_that_fails_half_way_has_acknowledged_nothing(client, rollouts, monkeypatch):
    """XACK comes last. Seen to fail with it first."""
    event = await recorded(client, rollouts)
    monkeypatch.setattr("krt.broker.rollouts.mended", lambda _, __, ask: ask())
    await client.call("SET", KEYS.followed(GROUP), "x")  # no hash: HSET is refused
    with pytest.raises(Exception, match="WRONGTYPE"):
        await rollouts.settle(event, SETTLED, {WEB: progressing(7)}, {WEB: "u1"})
    assert await pending(client) == 1


async def test_only_the_events_that_are_named_are_told(client, rollouts):
    first, second = await recorded(client, rollouts), await recorded(client, rollouts, "t-2")
    assert await rollouts.tell(FollowedWorkload(WEB, "u1", (first,)), ready(7)) == 1
    assert await target(client, first) == ready(7)
    assert await target(client, second) == WAITING
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (second,)),)


async def test_with_the_last_word_the_last_event_takes_its_workload_along(client, rollouts):
    event = await recorded(client, rollouts)
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), progressing(7))
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (event,)),)
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), ready(8))
    assert await rollouts.followed() == ()


async def test_T3_an_end_at_an_older_version_than_the_report_has_is_no_end(client, rollouts):
    """The follower's index was older than the worker's that settled. Seen to fail with the event not followed on."""
    event = await recorded(client, rollouts)
    await rollouts.settle(event, SETTLED, {WEB: progressing(9)}, {WEB: "u1"})
    followed = FollowedWorkload(WEB, "u1", (event,))
    assert await rollouts.tell(followed, ready(8)) == 0
    assert await rollouts.followed() == (followed,)
    assert await rollouts.tell(followed, ready(10)) == 1
    assert await rollouts.followed() == ()


async def test_T3_only_the_event_whose_end_was_written_is_followed_no_more(client, rollouts):
    """Seen to fail with every event dropped that was told."""
    first, second = await recorded(client, rollouts), await recorded(client, rollouts, "t-2")
    await rollouts.settle(second, SETTLED, {WEB: progressing(9)}, {WEB: "u1"})
    assert await rollouts.tell(FollowedWorkload(WEB, "u1", (first, second)), ready(8)) == 1
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (second,)),)


async def test_T3_what_becomes_of_a_workloads_predecessor_is_nothing_to_an_event_that_has_gone_on_to_the_new_one(
    client, rollouts
):
    """The worker died, the workload was recreated, and who took over matched the new one. Seen to fail without uid."""
    event = await recorded(client, rollouts, uid="u1")
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), progressing(7))
    await rollouts.record(event, MATCHED, {WEB: Target(TargetState.WAITING, uid="u2")}, {WEB: "u2"})
    assert (await target(client, event)).uid == "u2"
    gone = Target(TargetState.FAILED, "gone", version=LAST)
    assert await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), gone) == 0
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u2", (event,)),)
    assert await rollouts.tell(FollowedWorkload(WEB, "u2", (event,)), ready(9, "u2")) == 1


async def test_what_is_not_followed_any_more_is_not_told(client, rollouts):
    event = await recorded(client, rollouts)
    await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), ready(7))
    assert await rollouts.tell(FollowedWorkload(WEB, "u1", (event,)), ready(8)) == 0
    assert await rollouts.tell(FollowedWorkload(API, "u1", (event,)), ready(8)) == 0


async def test_a_report_that_has_expired_is_not_made_again(client, rollouts):
    event = await recorded(client, rollouts)
    await client.call("DEL", KEYS.report(str(event)))
    followed = FollowedWorkload(WEB, "u1", (event,))
    assert await rollouts.standings(followed) == {event: Standing(settled=True, target=None)}
    assert await rollouts.tell(followed, progressing(7)) == 0
    await rollouts.settle(event, SETTLED, {WEB: ready(7)}, {})
    assert await client.call("EXISTS", KEYS.report(str(event))) == 0
    assert await pending(client) == 0


async def test_how_events_stand_is_read_from_their_reports(client, rollouts):
    first, second = await recorded(client, rollouts), await recorded(client, rollouts, "t-2")
    await rollouts.settle(first, SETTLED, {WEB: progressing(7)}, {})
    assert await rollouts.standings(FollowedWorkload(WEB, "u1", (first, second))) == {
        first: Standing(settled=True, target=progressing(7)),
        second: Standing(settled=False, target=WAITING),
    }


async def test_nothing_is_known_of_how_events_stand_once_others_have_come(client, rollouts):
    """Seen to fail: an event that had been superseded meanwhile was settled, and what was to serve it was not seen."""
    first = await recorded(client, rollouts)
    seen = FollowedWorkload(WEB, "u1", (first,))
    await recorded(client, rollouts, "t-2")
    assert await rollouts.standings(seen) == {}


async def test_how_any_number_of_events_stand_is_no_longer_an_answer_than_a_connection_takes(client, rollouts):
    """Seen to fail: what was announced thousands of times while it could not be restarted never heard the last word."""
    long = msgspec.structs.replace(WAITING, reason="x" * 1000)
    events = tuple(EventId(1, number) for number in range(1200))
    for event in events:
        await client.call("HSET", KEYS.report(str(event)), FIELD, to_json(long))
    await client.call("HSET", KEYS.followed(GROUP), "Deployment/shop/web/u1", " ".join(map(str, events)))
    (followed,) = await rollouts.followed()
    standings = await rollouts.standings(followed)
    assert tuple(standings) == events
    assert {standing.target for standing in standings.values()} == {long}


async def test_an_event_is_open_from_when_it_is_recorded_until_it_is_settled(client, rollouts):
    event = await accept(client)
    assert not await rollouts.is_open(event)
    await rollouts.record(event, MATCHED, {}, {})
    assert await rollouts.is_open(event)
    assert not await some_rollouts(client, group="eu:1").is_open(event)
    await rollouts.settle(event, SETTLED, {}, {})
    assert not await rollouts.is_open(event)


async def test_each_cluster_has_its_own_part_of_a_report_and_follows_its_own(client, rollouts):
    event, others = await recorded(client, rollouts), some_rollouts(client, group="eu:1")
    await others.record(event, MATCHED, {WEB: WAITING}, {WEB: "u9"})
    await rollouts.settle(event, SETTLED, {WEB: ready(7)}, {})
    found = await read(client, event)
    assert found.targets == {(GROUP, WEB): ready(7), ("eu:1", WEB): WAITING}
    assert found.groups == {GROUP: SETTLED, "eu:1": MATCHED}
    assert await others.followed() == (FollowedWorkload(WEB, "u9", (event,)),)


@pytest.mark.parametrize("text", [*ODD, "\ud800".encode("utf-8", "surrogatepass")])
async def test_what_cannot_be_read_stops_no_worker_and_is_written_over(client, rollouts, text):
    event = await recorded(client, rollouts)
    odd = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    await client.call("HSET", KEYS.report(str(event)), FIELD, odd, group_field(GROUP), odd)
    await rollouts.is_open(event)
    followed = FollowedWorkload(WEB, "u1", (event,))
    assert list(await rollouts.standings(followed)) == [event]
    await rollouts.tell(followed, progressing(7))
    await rollouts.record(event, MATCHED, {}, {})
    await rollouts.settle(event, SETTLED, {WEB: ready(8)}, {})
    assert await target(client, event) == ready(8)
    assert (await read(client, event)).groups == {GROUP: SETTLED}


@pytest.mark.parametrize(
    ("name", "ids"),
    [("", "1-0"), ("web", "1-0"), ("a/b/c/d/e", "1-0"), ("Deployment/shop/api/u", "x"), ("Deployment/shop/api/u", "")],
)
async def test_what_is_followed_by_nobodys_order_is_passed_over(client, rollouts, name, ids):
    event = await recorded(client, rollouts)
    await client.call("HSET", KEYS.followed(GROUP), name, ids)
    assert await rollouts.followed() == (FollowedWorkload(WEB, "u1", (event,)),)


async def test_what_is_followed_ends_by_itself_where_no_worker_comes_any_more(client, rollouts):
    await recorded(client, rollouts)
    assert 24 * 3600_000 < await client.call("PTTL", KEYS.followed(GROUP)) <= 48 * 3600_000


async def test_every_change_of_a_report_is_rung_for_and_nothing_else(client, rollouts, endpoint):
    async with subscribe(endpoint, KEYS.reports_channel) as channel:
        assert await channel.receive() == Subscribed()
        event = await recorded(client, rollouts)
        followed = FollowedWorkload(WEB, "u1", (event,))
        for said in (progressing(7), progressing(7), progressing(6), ready(8), ready(9)):
            await rollouts.tell(followed, said)
        await rollouts.record(event, MATCHED, {WEB: WAITING}, {})
        await rollouts.settle(event, SETTLED, {}, {})
        await rollouts.settle(event, SETTLED, {}, {})
        await client.call("PUBLISH", KEYS.reports_channel, "end")
        rung = []
        with trio.fail_after(PATIENCE_SECONDS):
            while (signal := await channel.receive()) != ChannelMessage(b"end"):
                rung.append(signal)
    assert rung == [ChannelMessage(str(event).encode())] * 4


async def test_one_worker_of_a_group_tells_until_it_is_gone(client):
    first, second = some_rollouts(client), some_rollouts(client)
    assert await first.hold_lease()
    assert not await second.hold_lease()
    assert await some_rollouts(client, group="eu:1").hold_lease()
    await client.call("PEXPIRE", KEYS.follower(GROUP), 1)
    await until_on_trio_clock(second.hold_lease)
    assert not await first.hold_lease()


async def alive(client) -> dict[str, tuple[float, float, float]]:
    reply = await client.call("HGETALL", KEYS.alive)
    return {name: (s.first, s.last, s.earlier) for name, s in seen_of(reply, b"0").groups.items()}


async def test_T4_a_group_says_since_when_it_is_there_and_as_what(client):
    """Seen to fail with `first` written anew each time."""
    presence = Presence(namespaces=("shop",), require_opt_in=True)
    rollouts = ValkeyRollouts(client, Keys("krt"), group=GROUP, presence=presence)
    await rollouts.say_alive()
    [(first, last, earlier)] = (await alive(client)).values()
    assert (last, earlier) == (first, 0.0)
    said = f"{first - 100:.0f} {first - 50:.0f} 0 {presence.to_json()}"
    await client.call("HSET", KEYS.alive, GROUP, said)
    await rollouts.say_alive()
    assert (await alive(client))[GROUP] == (first - 100, pytest.approx(first, abs=5), 0.0)
    assert seen_of(await client.call("HGETALL", KEYS.alive), b"0").groups[GROUP].presence == presence


async def test_T4_a_group_that_was_gone_for_a_day_begins_anew(client, rollouts):
    """Seen to fail with a silence of any length passed over."""
    await rollouts.say_alive()
    [(now, _, _)] = (await alive(client)).values()
    await client.call("HSET", KEYS.alive, GROUP, f"{now - 200_000:.0f} {now - 90_000:.0f} 7 {{}}")
    await rollouts.say_alive()
    first, last, earlier = (await alive(client))[GROUP]
    assert (first, earlier) == (last, now - 90_000)


async def left(client) -> dict[str, bool]:
    seen = await seen_clusters(client, KEYS)
    return {name: sighting.presence.left for name, sighting in seen.groups.items()}


async def ago(client, worker: str, seconds: int) -> None:
    """A worker was there so long ago, and has said nothing since."""
    now = int((await client.call("TIME"))[0])
    await client.call("HSET", KEYS.alive, f"{GROUP}/{worker}", str(now - seconds))


async def test_T4_the_last_worker_that_is_stopped_says_that_its_group_has_left(client, rollouts):
    """Seen to fail with `left` not written; since when it was there stays."""
    await rollouts.say_alive()
    before = await alive(client)
    assert await rollouts.leave()
    assert await left(client) == {GROUP: True}
    assert (await alive(client))[GROUP][0] == before[GROUP][0]
    assert await client.call("HLEN", KEYS.alive) == 1


async def test_T4_a_worker_that_is_stopped_beside_others_says_nothing(client):
    """As in an update. Seen to fail with the others not looked at."""
    first, second, third = (some_rollouts(client) for _ in range(3))
    for each in (first, second, third):
        await each.say_alive()
    assert [await each.leave() for each in (second, first)] == [False, False]
    assert await left(client) == {GROUP: False}
    assert await third.leave()
    assert await left(client) == {GROUP: True}


@pytest.mark.parametrize(("seconds", "is_last"), [(0, False), (30, False), (58, False), (65, True), (90_000, True)])
async def test_T4_one_that_died_within_the_minute_keeps_the_last_one_from_saying_it(client, rollouts, seconds, is_last):
    """Its cluster may have crashed. Seen to fail with those alone counted that were never silent, and with all."""
    await rollouts.say_alive()
    await ago(client, "dead", seconds)
    assert await rollouts.leave() is is_last
    assert await left(client) == {GROUP: is_last}


async def test_T4_the_dead_are_not_kept_for_ever(client, rollouts):
    """Seen to fail with what they said never taken out."""
    for number in range(5):
        await ago(client, f"dead-{number}", 61 + number)
    await rollouts.say_alive()
    assert await client.call("HLEN", KEYS.alive) == 2


async def test_T4_a_group_that_is_back_has_not_left(client, rollouts):
    """Seen to fail with `left` kept."""
    await rollouts.say_alive()
    await rollouts.leave()
    await some_rollouts(client).say_alive()
    assert await left(client) == {GROUP: False}


async def test_T4_a_worker_that_never_said_that_it_is_there_cannot_say_that_its_group_has_left(client, rollouts):
    """It was stopped while it started, and the others' last word was none. Seen to fail with its own not asked for."""
    now = int((await client.call("TIME"))[0])
    await client.call("HSET", KEYS.alive, GROUP, f"{now - 500} {now - 100} 0 {{}}")
    assert not await rollouts.leave()
    assert await left(client) == {GROUP: False}


async def test_T4_workers_of_other_groups_are_no_others(client, rollouts):
    """Seen to fail with every worker counted."""
    for group in ("default:12", "default:2", "eu:1"):
        await some_rollouts(client, group=group).say_alive()
    await rollouts.say_alive()
    assert await rollouts.leave()
    assert await left(client) == {GROUP: True, "default:12": False, "default:2": False, "eu:1": False}


@pytest.mark.parametrize("text", ["", "x", "1 2", "1795176000"])
async def test_what_was_no_sighting_is_one_then(client, rollouts, text):
    await client.call("HSET", KEYS.alive, GROUP, text)
    await rollouts.say_alive()
    assert list(await alive(client)) == [GROUP]


def many(number: int) -> list[ObjectKey]:
    return [a_key("Deployment", "a-namespace-of-some-length", f"{'web' * 20}-{each}") for each in range(number)]


async def test_a_report_of_many_clusters_with_a_thousand_targets_each_is_read_whole(client):
    """Page by page: no answer of Valkey's may be longer than a megabyte. Seen to fail with HGETALL alone."""
    event, reason = await accept(client), "x" * 300
    failed = Target(TargetState.FAILED, reason, version=LAST)
    for cluster in ("default:1", "eu:1", "us:1"):
        rollouts = some_rollouts(client, group=cluster)
        await rollouts.record(event, MATCHED, dict.fromkeys(many(1000), failed), {})
        await rollouts.settle(event, SETTLED, {}, {})
    found = await read(client, event)
    assert len(found.targets) == 3000
    assert set(found.targets.values()) == {failed}
    assert found.groups == {"default:1": SETTLED, "eu:1": SETTLED, "us:1": SETTLED}
    assert found.event["image"] == "ghcr.io/acme/shop"


async def test_ten_thousand_rollouts_are_followed_page_by_page(client, rollouts):
    """Seen to fail with HGETALL."""
    event = await accept(client)
    for first in range(0, 10_000, 1000):
        await rollouts.record(event, MATCHED, {}, dict.fromkeys(many(10_000)[first : first + 1000], "u" * 36))
    found = await rollouts.followed()
    assert {one.key for one in found} == set(many(10_000))
    assert len(found) == 10_000


async def test_a_workload_that_hundreds_of_events_wait_for_is_followed_for_all_of_them(client, rollouts):
    fields = {
        f"Deployment/shop/web-{n}/u1": " ".join(f"{1795176000000 + i}-0" for i in range(1000)) for n in range(100)
    }
    await client.call("HSET", KEYS.followed(GROUP), *(part for field in fields.items() for part in field))
    assert [len(one.events) for one in await rollouts.followed()] == [1000] * 100
