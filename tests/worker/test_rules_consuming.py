"""C1 to C6 of docs/correctness.md, each seen to fail without its rule: workers among fakes, or before a real Valkey."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import trio

from krt.broker.clusters import claim_name
from krt.broker.scripts import TIDY
from krt.core.announce.event_id import EventId
from krt.core.envelope import SCHEMA, to_fields
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.report.presence import group_name
from krt.core.report.report import Group, GroupState
from krt.core.restart.intent import of_image
from krt.core.restart.times import format_time
from krt.daemon.worker import presence_of
from krt.errors import BrokerUnavailable, ClusterRefused, ClusterUnavailable, SettingsInvalid
from krt.settings.load import load
from krt.worker.changes import Changes
from krt.worker.entry import Entry
from krt.worker.hand import Hand
from tests.fakes.index import FakeIndex
from tests.fakes.journal import FakeJournal
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.trouble import Troubled
from tests.fakes.values import NOW, a_workload, an_envelope, an_event
from tests.fakes.workloads import FakeWorkloads, many_workloads
from tests.worker.accepting import GROUP, KEYS, a_journal, accept, some_rollouts
from tests.worker.workers import BOUNDS, RULES, WEB, wall, web, working

SETTLED = Group(GroupState.SETTLED, final=True)
INTERNAL = Group(GroupState.FAILED, reason="internal", final=True)
AWAY = ClusterUnavailable("503")


def ago(seconds: float) -> str:
    return format_time(NOW - timedelta(seconds=seconds))


def group_of(**environ: str) -> str:
    """The consumer group of a worker that is started with these variables."""
    needed = {"VALKEY_ADDR": "valkey:6379", "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/"}
    settings = load("worker", {}, needed | environ).cluster
    assert settings is not None
    return group_name(settings.name, presence_of(settings))


# C1


@pytest.mark.parametrize(
    "other",
    [
        {"KRT_CLUSTER": "other"},
        {"KRT_NAMESPACES": "shop"},
        {"KRT_KINDS": "Deployment,StatefulSet"},
        {"KRT_REQUIRE_OPT_IN": "true"},
    ],
    ids="-".join,
)
def test_C1_workers_that_see_other_workloads_share_no_group(other):
    """Seen to fail with each of name, namespaces, kinds and opt-in left out of the group."""
    assert group_of(**other) != group_of()


def test_C1_workers_that_see_the_same_workloads_share_a_group():
    """Seen to fail with the namespaces taken as they are written."""
    assert group_of(KRT_NAMESPACES="shop,blog") == group_of(KRT_NAMESPACES="blog,shop")


async def test_C1_a_cluster_takes_no_name_of_another(client):
    """Seen to fail with the comparison of identities removed."""
    await claim_name(client, KEYS, "default", ClusterIdentity("one"), replace=False)
    await claim_name(client, KEYS, "default", ClusterIdentity("one"), replace=False)
    await claim_name(client, KEYS, "second", ClusterIdentity("two"), replace=False)
    with pytest.raises(SettingsInvalid, match="KRT_CLUSTER_REPLACE"):
        await claim_name(client, KEYS, "default", ClusterIdentity("two"), replace=False)


async def test_C1_a_cluster_in_the_place_of_another_takes_its_name_when_told_to(client):
    """Seen to fail with `replace` not passed on."""
    await claim_name(client, KEYS, "default", ClusterIdentity("one"), replace=False)
    await claim_name(client, KEYS, "default", ClusterIdentity("two"), replace=True)
    with pytest.raises(SettingsInvalid):
        await claim_name(client, KEYS, "default", ClusterIdentity("one"), replace=False)


# C2


async def test_C2_what_was_accepted_before_the_first_worker_came_is_handled(client):
    """Seen to fail with a group that begins at `$`."""
    cluster, looked = FakeWorkloads(web()), []

    async def looking(name: str) -> None:
        looked.append(name)
        assert looked.count("read_new") < 5 or cluster.calls, "it was not given to the first worker that looked"

    await accept(client)
    async with working(Troubled(a_journal(client), before=looking), some_rollouts(client), cluster):
        await until_on_trio_clock(lambda: len(cluster.patches) == 1)


@pytest.mark.parametrize("call", ["read_new", "read_own", "claim", "renew", "release"])
async def test_C2_a_group_that_is_gone_is_made_anew_from_the_beginning(client, call):
    """Seen to fail with NOGROUP not caught."""
    journal = a_journal(client)
    entry = await accept(client)
    await journal.read_new(10)
    await client.call("XGROUP", "DESTROY", KEYS.journal, GROUP)
    arguments = {"read_new": (10,), "read_own": (None, 10), "claim": ("0-0", 10), "renew": (10,), "release": (10,)}
    found = await getattr(journal, call)(*arguments[call])
    if call != "read_new":
        found = await journal.read_new(10)
    assert [each.id for each in found] == [entry]


async def test_C2_a_new_group_restarts_nothing_that_is_newer_than_an_old_event(world, autojump_clock):
    """Seen to fail with the filter of what is served removed."""
    served = {
        "restarted": a_workload(key="Deployment shop/restarted", restarted_at=ago(60), last_managed_at=ago(60)),
        "created": a_workload(key="Deployment shop/created", created_at=ago(60)),
    }
    for workload in served.values():
        world.cluster.put(workload)
    entry = world.accept(age_seconds=120)
    await world.start()
    await world.settled(entry)
    assert [patch.key for patch in world.cluster.patches] == [WEB]


async def test_C2_a_new_group_restarts_everything_for_a_young_event(world, autojump_clock):
    """Seen to fail with the filter applied to every entry."""
    world.cluster.change(WEB, restarted_at=ago(30), last_managed_at=ago(30))
    entry = world.accept(age_seconds=50)
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


async def test_C2_a_group_that_is_no_news_restarts_everything_for_an_old_event(world, autojump_clock):
    """Seen to fail with the filter applied to every old entry."""
    first = await world.start()
    await first.stop()
    await trio.sleep(600)
    entry = world.accept()
    world.cluster.change(
        WEB, restarted_at=ago(-650), last_managed_at=ago(-650)
    )  # somebody's, after the event and for another reason
    await trio.sleep(120)
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


@pytest.mark.parametrize("seconds", [1800, 3700])
async def test_C2_an_event_that_was_settled_is_not_begun_anew_when_its_group_is(world, autojump_clock, seconds):
    """Seen to fail with every event begun: only what was older than KRT_MAX_EVENT_AGE was left alone."""
    first = await world.start()
    world.cluster.refuse_always(WEB, ClusterRefused("422"))
    entry = world.accept(ring=first)
    await world.settled(entry)
    await first.stop()
    del world.stream.groups["default"]
    await trio.sleep(seconds)
    world.cluster.relent()
    await world.start()
    await trio.sleep(10)
    assert not world.cluster.patches
    assert not world.stream.pending()


# C3


async def test_C3_two_workers_of_one_pod_name_are_two_consumers(client):
    """Seen to fail with a fixed name."""
    first, second = a_journal(client), a_journal(client)
    entry = await accept(client)
    assert [each.id for each in await first.read_new(10)] == [entry]
    assert await second.read_own(None, 10) == ()


@pytest.mark.parametrize("call", ["read_new", "claim"])
async def test_C3_entries_of_a_reply_that_was_lost_are_looked_for_first(world, autojump_clock, call):
    """Seen to fail with `_reply_lost` never set: the living worker's own claims kept them from everybody."""
    lost = []

    async def lose(name: str) -> None:
        if name == call and world.stream.pending() and not lost:
            lost.append(name)
            raise BrokerUnavailable("the connection was lost")

    entry = world.accept()
    if call == "claim":
        dead = FakeJournal(world.stream)
        await dead.read_new(10)
        await dead.release(10)
    worker = await world.start(journal=Troubled(FakeJournal(world.stream), after=lose))
    await world.settled(entry, within_seconds=70)
    assert (lost, len(world.cluster.patches)) == ([call], 1)
    assert not worker.ended.is_set()


async def test_C3_what_is_in_hand_is_nobody_elses_while_its_worker_lives(world, autojump_clock):
    """Seen to fail with the renewal removed, and with one every 20 s."""
    first = await world.start()
    world.cluster.refuse_always(WEB, AWAY)
    entry = world.accept(ring=first)
    await trio.sleep(1)
    await world.start()
    for _ in range(60):
        await trio.sleep(1)
        held = world.stream.pending()[entry]
        assert (held.consumer, held.deliveries) == (first.consumer, 1)


async def test_C3_what_a_worker_claims_from_itself_is_in_its_hand_already(world, autojump_clock):
    """Seen to fail with all claimed entries taken: the event was matched again."""
    worker = await world.start()
    matched = []

    async def renewing(name: str) -> None:
        if name == "renew":
            raise BrokerUnavailable("away")

    async def recording(name: str) -> None:
        if name == "record":
            matched.append(name)

    worker.journal.before, worker.rollouts.before = renewing, recording
    world.cluster.refuse_always(WEB, AWAY)
    entry = world.accept(ring=worker)
    await trio.sleep(60)
    assert world.stream.pending()[entry].deliveries > 1
    assert len(matched) == 1


async def test_C3_what_another_worker_has_taken_over_is_dropped(world, autojump_clock):
    """Seen to fail with keep_only removed: the first worker settled it, too."""
    first = await world.start()
    settled = []

    async def watch(name: str) -> None:
        if name == "settle":
            settled.append(name)
        if 1 < trio.current_time() < 31:
            raise BrokerUnavailable("away")

    first.journal.before = first.rollouts.before = watch
    world.cluster.refuse_always(WEB, AWAY)
    entry = world.accept(ring=first)
    await trio.sleep(2)
    await world.start()
    await trio.sleep(40)
    assert world.stream.pending()[entry].consumer != first.consumer
    world.cluster.relent()
    await world.settled(entry)
    await trio.sleep(120)
    assert (settled, len(world.cluster.patches)) == ([], 1)


async def test_C3_dead_workers_entries_are_found_behind_any_number_of_living_ones(client):
    """Seen to fail with a cursor that begins at 0-0 each time, and with one step of the cursor every 5 s."""
    living, dead = a_journal(client), a_journal(client)
    for number in range(1000):
        await accept(client, f"t-{number}")
    held = 0
    while held < 1000:  # an answer holds no more than a connection takes
        held += len(await living.read_new(1000))
    await accept(client, "t-1000", an_event("ghcr.io/acme/blog"))
    await dead.read_new(10)
    await dead.release(10)
    cluster, asked = FakeWorkloads(a_workload("ghcr.io/acme/blog:dev")), []

    async def one_look(name: str) -> None:
        asked.append(name)
        assert asked.count("claim") < 1000, "it goes round for ever"
        assert name != "claim" or "read_new" not in asked or cluster.calls, "the first look did not find it"

    journal = Troubled(a_journal(client), before=one_look)
    async with working(journal, some_rollouts(client), cluster, bounds=_bounds(in_hand=10)):
        await until_on_trio_clock(lambda: len(cluster.patches) == 1)


@pytest.mark.parametrize("size", [70_000, 2_000_000, 40_000_000])
async def test_C5_an_entry_of_any_size_is_settled_and_no_other_waits_for_it(client, caplog, size):
    """Seen to fail with entries read in one piece: the connection was cut, and the same entry read again, for ever."""
    cluster = FakeWorkloads(web())
    large = await client.call("XADD", KEYS.journal, "*", "image", b"x" * size)
    entry = await accept(client)
    async with working(a_journal(client), some_rollouts(client), cluster):
        await until_on_trio_clock(lambda: len(cluster.patches) == 1)

        async def is_settled() -> bool:
            return (await client.call("XPENDING", KEYS.journal, GROUP))[0] == 0

        await until_on_trio_clock(is_settled)
    assert large.decode() < str(entry)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["entry_unreadable"]


async def test_C3_a_worker_that_stops_leaves_its_entries_to_the_others_at_once(client):
    """Seen to fail with claims.release removed."""
    cluster = FakeWorkloads(web())
    cluster.refuse_always(WEB, AWAY)
    entry = await accept(client)
    async with working(a_journal(client), some_rollouts(client), cluster):
        await until_on_trio_clock(lambda: bool(cluster.calls))
    assert [each.id for each in (await a_journal(client).claim("0-0", 10)).entries] == [entry]


async def test_C3_a_released_entry_is_not_delivered_once_more_for_that(client):
    """Seen to fail with XCLAIM without JUSTID."""
    journal = a_journal(client)
    await accept(client)
    await journal.read_new(10)
    for _ in range(20):
        await journal.renew(10)
    await journal.release(10)
    (claimed,) = (await a_journal(client).claim("0-0", 10)).entries
    assert claimed.deliveries == 2


async def test_C3_a_consumer_is_forgotten_only_with_nothing_pending_and_after_a_day(client):
    """Seen to fail with the look at `pending` removed, and with the look at `idle` removed."""
    holding, idle = a_journal(client), a_journal(client)
    entry = await accept(client)
    await holding.read_new(10)
    await idle.read_new(10)
    await idle.tidy()
    assert len(await client.call("XINFO", "CONSUMERS", KEYS.journal, GROUP)) == 2
    day = 24 * 3600 * 1000
    await client.eval_script(TIDY, [KEYS.journal], [GROUP, day, -1])  # as if a day had gone by
    assert len(await client.call("XINFO", "CONSUMERS", KEYS.journal, GROUP)) == 1
    assert [each.id for each in await holding.read_own(None, 10)] == [entry]


# C4


async def test_C4_a_worker_takes_no_more_than_its_hand_holds(world, autojump_clock):
    """Seen to fail with a hundred asked for whatever the room."""
    for workload in many_workloads(50):
        world.cluster.put(workload)
        world.cluster.refuse_always(workload.key, AWAY)
    for number in range(50):
        world.accept("ghcr.io/acme/shop", "dev", f"v{number}")  # none names all that another does
    await world.start(bounds=_bounds(in_hand=5))
    for _ in range(100):
        await trio.sleep(1)
        assert len(world.stream.pending()) <= 5
    world.cluster.relent()
    await world.settled()


async def test_C4_events_that_a_newer_one_serves_are_settled_at_once(world, autojump_clock):
    """Seen to fail with `heir` never set: they waited for the index to be fresh."""
    worker = await world.start(index=FakeIndex(world.cluster))  # never fresh
    world.cluster.refuse_always(WEB, AWAY)
    entries = [world.accept(ring=worker) for _ in range(10)]
    await trio.sleep(1)
    assert world.is_settled(*entries[:-1])
    assert not world.is_settled(entries[-1])
    assert world.said(entries[0]) == SETTLED


async def test_C4_a_bad_workload_does_not_fill_the_hand(world, autojump_clock):
    """Seen to fail with `heir` never set: the hand was full of what nobody could settle."""
    good = world.cluster.put(a_workload("ghcr.io/acme/blog:dev", key="Deployment blog/web"))
    worker = await world.start(index=FakeIndex(world.cluster), bounds=_bounds(in_hand=5))
    world.cluster.refuse_always(WEB, AWAY)
    for _ in range(50):
        world.accept(ring=worker)
    world.accept("ghcr.io/acme/blog", ring=worker)
    await trio.sleep(5)
    assert len(world.cluster.restarts(good.key)) == 1


async def test_C4_an_event_that_names_more_than_the_newer_one_waits_for_late_matches(world, autojump_clock):
    """Seen to fail with every superseded event settled at once: the late match of `v1` was nobody's."""
    worker = await world.start(index=FakeIndex(world.cluster))
    world.cluster.refuse_always(WEB, AWAY)
    older = world.accept("ghcr.io/acme/shop", "dev", "v1", ring=worker)
    world.accept("ghcr.io/acme/shop", "dev", ring=worker)
    await trio.sleep(1)
    assert not world.is_settled(older)
    late = world.cluster.put(a_workload("ghcr.io/acme/shop:v1", key="Deployment shop/late"))
    await trio.sleep(1)
    assert len(world.cluster.restarts(late.key)) == 1


# C5


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": "1"},
        {"schema": "one", "image": "ghcr.io/acme/shop", "tags": '["dev"]', "request_id": "r"},
        {"schema": "1", "image": "ghcr.io/acme/shop", "tags": "[[[", "request_id": "r"},
        {"schema": "1", "image": "../shop", "tags": '["dev"]', "request_id": "r"},
        {"": "", "\ufffd": "\ufffd"},
        {},
    ],
    ids=["half", "schema", "tags", "image", "bytes", "too large"],
)
async def test_C5_an_entry_that_nobody_can_read_is_settled_and_the_next_one_handled(
    world, autojump_clock, caplog, fields
):
    """Seen to fail with EntryUnreadable not caught apart: no reason was logged; and with {} taken as trimmed."""
    unreadable, next_one = world.stream.add(fields), world.accept()
    await world.start()
    await world.settled()
    assert world.said(unreadable) == INTERNAL
    assert world.state(next_one) == "ready"
    assert [record.levelname for record in caplog.records if record.message == "entry_unreadable"] == ["ERROR"]


async def test_C5_an_entry_that_its_handler_chokes_on_is_settled_with_a_traceback_in_the_log(
    world, autojump_clock, caplog
):
    """Seen to fail with the exception not caught: the worker ended, and the next one, too."""

    def choke(event) -> None:
        if event.tags == ("poison",):
            raise ZeroDivisionError

    poison, next_one = world.accept("ghcr.io/acme/shop", "poison"), world.accept()
    await world.start(refusal=choke)
    await world.settled()
    assert world.said(poison) == INTERNAL
    assert world.state(next_one) == "ready"
    (crash,) = [record for record in caplog.records if record.message == "entry_crashed"]
    assert crash.exc_info[0] is ZeroDivisionError


async def test_C5_a_restart_that_crashes_fails_that_workload_alone(world, autojump_clock, caplog):
    """Seen to fail with the exception not caught."""
    other = world.cluster.put(a_workload(key="Deployment shop/other"))
    world.cluster.refuse_always(WEB, ZeroDivisionError())
    entry = world.accept()
    await world.start()
    await world.settled(entry)
    assert world.targets(entry) == {"web": "failed", "other": "ready"}
    assert len(world.cluster.restarts(other.key)) == 1
    assert "restart_crashed" in [record.message for record in caplog.records]


def test_C5_an_event_that_a_change_is_too_much_for_does_not_end_the_watch(caplog):
    """Seen to fail with the exception not caught."""
    hand = Hand(10)
    event = an_event()
    envelope = an_envelope(event)
    intent = of_image(EventId(1, 0), envelope, require_opt_in=False)
    object.__setattr__(event, "tags", None)
    hand.take(Entry(EventId(1, 0), envelope, intent, 0.0, 0.0, hand.note_settled, lambda _: None))
    Changes(hand, None, wall).hear(None, web())
    assert "change_crashed" in [record.message for record in caplog.records]


async def test_C5_an_entry_that_ten_workers_were_given_is_handled_alone_and_last(world, autojump_clock):
    """Seen to fail with the count ignored, and with a suspect taken while others are open."""
    names = ["poison", "first", "second"]
    for name in names:
        world.cluster.put(a_workload(f"ghcr.io/acme/{name}:dev", key=f"Deployment shop/{name}"))
    world.cluster.call_seconds = 3
    poison, *others = [world.accept(f"ghcr.io/acme/{name}") for name in names]
    await _suspected(world, [poison])
    await world.start()
    await world.settled()
    assert [patch.key.name for patch in world.cluster.patches][-1] == "poison"
    assert [patch.at for patch in world.cluster.patches] == [3, 3, 8]
    assert all(world.state(entry) == "ready" for entry in (poison, *others))


async def test_C5_what_ten_workers_were_given_waits_for_no_bookmark(world, autojump_clock):
    """Seen to fail with an empty hand asked for in place of an idle one: 20 of them took 20 minutes."""
    entries = [world.accept("ghcr.io/acme/shop", f"v{number}") for number in range(20)]
    await _suspected(world, entries)
    await world.start()
    await world.settled(within_seconds=240)


async def test_C5_what_ten_workers_were_given_waits_for_what_is_never_done_a_minute_at_most(world, autojump_clock):
    """Seen to fail with an idle hand waited for: one workload that cannot be restarted kept them out for a day."""
    bad = world.cluster.put(a_workload("ghcr.io/acme/bad:dev", key="Deployment shop/bad"))
    world.cluster.refuse_always(bad.key, AWAY)
    suspects = [world.accept("ghcr.io/acme/shop", f"v{number}") for number in range(3)]
    for entry in suspects:
        world.cluster.put(a_workload(f"ghcr.io/acme/shop:v{entry.sequence}", key=f"Deployment shop/v{entry.sequence}"))
    await _suspected(world, suspects)
    world.accept("ghcr.io/acme/bad")
    await world.start()
    await trio.sleep(210)
    took = [patch.at for patch in world.cluster.patches]
    assert len(took) == 3
    assert took[0] >= 60
    assert all(later - earlier >= 60 for earlier, later in pairwise(took))


async def test_C5_entries_that_wait_to_be_handled_alone_are_bounded(world, autojump_clock):
    """Seen to fail with suspects that take no room."""
    busy = world.cluster.put(a_workload("ghcr.io/acme/busy:dev", key="Deployment shop/busy"))
    world.cluster.refuse_always(busy.key, AWAY)
    entries = [world.accept() for _ in range(20)]
    await _suspected(world, entries)
    world.accept("ghcr.io/acme/busy")
    worker = await world.start(bounds=_bounds(in_hand=5))
    for _ in range(60):
        await trio.sleep(1)
        own = [each for each in world.stream.pending().values() if each.consumer == worker.consumer]
        assert len(own) <= 5
    world.cluster.relent()
    await world.settled()


async def test_C5_deliveries_are_counted_by_a_real_valkey(client):
    """Seen to fail with the counts of CLAIM fixed at 1, and of own history at 2."""
    await accept(client)
    journal = a_journal(client)
    assert [each.deliveries for each in await journal.read_new(10)] == [1]
    for count in range(2, 12):
        await journal.release(10)
        journal = a_journal(client)
        assert [each.deliveries for each in (await journal.claim("0-0", 10)).entries] == [count]
    assert [each.deliveries for each in await journal.read_own(None, 10)] == [12]


async def test_C5_an_entry_of_a_newer_krt_is_left_for_a_newer_worker(world, autojump_clock):
    """Seen to fail without `leave`: the older worker kept it as its own for as long as it lived."""
    entry = world.stream.add(to_fields(an_envelope()) | {"schema": str(SCHEMA + 1)})
    await world.start()
    await trio.sleep(302)  # between two looks
    newer = FakeJournal(world.stream)
    assert entry in world.stream.pending()
    claimed = (await newer.claim("0-0", 10)).entries
    assert [(each.id, each.deliveries) for each in claimed] == [(entry, 1)]


async def test_C5_what_is_left_is_nobodys_to_a_real_valkey(client):
    """Seen to fail without RETRYCOUNT, without IDLE, and with the entry left to its own consumer."""
    journal = a_journal(client)
    entry = await accept(client)
    await journal.read_new(10)
    await journal.leave(entry)
    assert await journal.renew(10) == frozenset()
    assert [(each.id, each.deliveries) for each in (await a_journal(client).claim("0-0", 10)).entries] == [(entry, 1)]


# C6


async def test_C6_an_event_too_old_when_first_matched_expires(world, autojump_clock):
    """Seen to fail with the look at the age removed."""
    old, young = world.accept(age_seconds=3601), world.accept(age_seconds=3599)
    await world.start()
    await world.settled()
    assert (world.state(old), world.state(young)) == ("expired", "ready")


async def test_C6_an_event_matched_in_time_is_tried_on_by_the_next_worker(world, autojump_clock):
    """Seen to fail with the record of the match ignored."""
    first = await world.start()
    world.cluster.refuse_always(WEB, AWAY)
    entry = world.accept(ring=first)
    await trio.sleep(1800)
    await first.kill()
    await trio.sleep(1900)
    world.cluster.relent()
    await world.start()
    await world.settled(entry)
    assert world.state(entry) == "ready"


async def test_C6_an_event_is_open_from_its_first_match_until_it_is_settled(client):
    """Seen to fail with every recorded event open, and with none."""
    rollouts, entry = some_rollouts(client), await accept(client)
    assert not await rollouts.is_open(entry)
    await rollouts.record(entry, Group(GroupState.MATCHED), {}, {})
    assert await rollouts.is_open(entry)
    assert not await some_rollouts(client, group="other").is_open(entry)
    await rollouts.settle(entry, SETTLED, {}, {})
    assert not await rollouts.is_open(entry)


async def test_C6_a_matched_workload_is_tried_for_that_long_and_then_expires(world, autojump_clock):
    """Seen to fail with the deadline removed."""
    world.cluster.refuse_always(WEB, AWAY)
    entry = world.accept()
    await world.start(index=FakeIndex(world.cluster, bookmark_seconds=1), rules=_rules(max_seconds=600))
    await trio.sleep(599)
    assert world.targets(entry) == {"web": "waiting"}
    await trio.sleep(5)
    assert world.targets(entry) == {"web": "failed"}


@pytest.mark.parametrize(
    "bounds",
    [{"calls_at_once": 1}, {"restarts_per_second": 0.1}],
    ids=["calls", "restarts"],
)
async def test_C6_time_under_the_cap_is_not_counted(world, autojump_clock, bounds):
    """Seen to fail with the deadline not moved by the wait for a call, and by the wait for the pace."""
    world.cluster.call_seconds = 8
    for workload in many_workloads(10):
        world.cluster.put(workload)
    entry = world.accept()
    await world.start(rules=_rules(max_seconds=20), bounds=_bounds(**bounds))
    await world.settled(entry)
    assert list(world.targets(entry).values()) == ["ready"] * 11


async def _suspected(world, entries):
    """A worker had all that is new and is gone; these, nine had before it."""
    dead = FakeJournal(world.stream)
    await dead.read_new(100)
    for entry in entries:
        world.stream.pending()[entry].deliveries = 9
    await dead.release(100)


def _bounds(**changes):
    return replace(BOUNDS, **changes)


def _rules(*, max_seconds: float):
    return replace(RULES, max_seconds=max_seconds)
