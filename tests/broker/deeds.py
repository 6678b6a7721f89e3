"""What krt does at Valkey, a deed each, by the user that its role signs in as (deploy/valkey/users.acl).

The state that a deed finds is made by the test's own admin. A new command of krt's wants a deed, in DEEDS at the end.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from krt.broker.accept import Acceptor
from krt.broker.channel import Subscription, subscribe
from krt.broker.client import Client, open_client
from krt.broker.clusters import Forgotten, claim_name, forget, seen_clusters
from krt.broker.durability import durability_problems
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.broker.journal import ValkeyJournal
from krt.broker.keys import Keys
from krt.broker.recent import RecentReports
from krt.broker.reports import Reports
from krt.broker.rollouts import ValkeyRollouts
from krt.broker.scripts import TIDY
from krt.core.announce.event_id import EventId
from krt.core.caller.use import Use
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.ports.channel import ChannelMessage, Subscribed
from krt.core.ports.journal import Backlog
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.report import Group, GroupState, Standing
from krt.core.report.target import Target, TargetState
from krt.dev.valkey import open_valkey
from krt.errors import TokenAlreadyUsed
from krt.secret import Secret
from tests.fakes.keys import a_key
from tests.fakes.pace import pace
from tests.fakes.valkey_users import ADMIN, deployed_users, password_of
from tests.fakes.values import an_envelope

CHANNEL = "kuberollouttrigger"
KEYS = Keys("krt")
GROUP = "default:1"
WEB_KEY = a_key("Deployment", "shop", "web")
READY = Target(TargetState.READY, version=2)


class Server:
    """A Valkey with the deployed users, as each of them sees it."""

    def __init__(self, endpoint: Endpoint, clients: dict[str, Client]) -> None:
        self._endpoint = endpoint
        self._clients = clients
        self.admin = clients["admin"]

    def client(self, user: str) -> Client:
        return self._clients[user]

    def endpoint(self, user: str) -> Endpoint:
        return _as(self._endpoint, user)


def _as(endpoint: Endpoint, user: str) -> Endpoint:
    return replace(endpoint, username=user, password=Secret(password_of(user)))


@asynccontextmanager
async def open_server() -> AsyncIterator[Server]:
    """Durable, and with the commands that are off by default on: what is refused is refused by the file alone."""
    async with open_valkey(
        users=[*deployed_users(), ADMIN], durable=True, arguments=("--enable-debug-command", "yes")
    ) as valkey:
        endpoint = parse_endpoint(valkey.address)
        async with (
            open_client(_as(endpoint, "krt-web")) as web,
            open_client(_as(endpoint, "krt-worker")) as worker,
            open_client(_as(endpoint, "krt-operator")) as operator,
            open_client(_as(endpoint, "admin")) as admin,
        ):
            clients = {"krt-web": web, "krt-worker": worker, "krt-operator": operator, "admin": admin}
            yield Server(endpoint, clients)


def a_use(token: str, *, retry: str | None = None, fingerprint: str = "f") -> Use:
    return Use(token=token, fingerprint=fingerprint, retry=retry)


def an_acceptor(client: Client) -> Acceptor:
    return Acceptor(client, KEYS, channel=CHANNEL, most_entries=1000)


def a_journal(client: Client) -> ValkeyJournal:
    return ValkeyJournal(client, KEYS, group=GROUP, most_entries=1000)


async def ready(subscription: Subscription) -> None:
    with trio.fail_after(pace()):
        assert isinstance(await subscription.receive(), Subscribed)


async def heard(subscription: Subscription) -> bytes:
    with trio.fail_after(pace()):
        signal = await subscription.receive()
    assert isinstance(signal, ChannelMessage), signal
    return signal.payload


async def an_accepted_event(server: Server) -> EventId:
    return (await an_acceptor(server.admin).accept(an_envelope(), a_use("of the test"))).id


async def accept_and_ring(server: Server) -> None:
    acceptor = an_acceptor(server.client("krt-web"))
    async with subscribe(server.endpoint("admin"), CHANNEL) as channel:
        await ready(channel)
        done = await acceptor.accept(an_envelope(), a_use("t1", retry="r1"))
        assert (done.again, done.receivers) == (False, 1)
        assert json.loads(await heard(channel)) == {"image": "ghcr.io/acme/shop", "tags": ["dev"]}


async def accept_a_retry(server: Server) -> None:
    acceptor = an_acceptor(server.client("krt-web"))
    first = await acceptor.accept(an_envelope(), a_use("t1", retry="r1"))
    same_token = await acceptor.accept(an_envelope(), a_use("t1", retry="r1"))
    same_key = await acceptor.accept(an_envelope(), a_use("t2", retry="r1"))
    assert [(each.id, each.again) for each in (same_token, same_key)] == [(first.id, True)] * 2


async def refuse_a_spent_token(server: Server) -> None:
    acceptor = an_acceptor(server.client("krt-web"))
    await acceptor.accept(an_envelope(), a_use("t1"))
    with pytest.raises(TokenAlreadyUsed):
        await acceptor.accept(an_envelope(), a_use("t1", fingerprint="other"))


async def read_a_report(server: Server) -> None:
    event = await an_accepted_event(server)
    found = await Reports(server.client("krt-web"), KEYS).read(event)
    assert found
    assert found[0].event["image"] == "ghcr.io/acme/shop"


async def read_a_long_report(server: Server) -> None:
    event = await an_accepted_event(server)
    keys = [a_key("Deployment", "shop", f"web-{number}") for number in range(400)]
    targets = dict.fromkeys(keys, Target(TargetState.WAITING))
    await ValkeyRollouts(server.admin, KEYS, group=GROUP).record(event, Group(GroupState.MATCHED), targets, {})
    found = await Reports(server.client("krt-web"), KEYS).read(event)
    assert found
    assert len(found[0].targets) == 400


async def keep_the_state_that_was_told(server: Server) -> None:
    event = await an_accepted_event(server)
    settled = Group(GroupState.FAILED, final=True)
    await ValkeyRollouts(server.admin, KEYS, group=GROUP).settle(event, settled, {}, {})
    await Reports(server.client("krt-web"), KEYS).read(event)
    assert await server.admin.call("HGET", KEYS.report(str(event)), "ended") == b"failed"


async def hear_that_a_report_changed(server: Server) -> None:
    async with subscribe(server.endpoint("krt-web"), KEYS.reports_channel) as channel:
        await ready(channel)
        await server.admin.call("PUBLISH", KEYS.reports_channel, "1-1")
        assert await heard(channel) == b"1-1"


async def see_that_valkey_is_there(server: Server) -> None:
    for user in ("krt-web", "krt-worker"):
        assert await server.client(user).call("PING") == b"PONG"


async def see_what_of_durability_web_may_see(server: Server) -> None:
    """Not appendfsync: CONFIG GET would show web every setting, and passwords among them."""
    assert await durability_problems(server.client("krt-web")) == ()


async def see_whether_the_journal_is_durable(server: Server) -> None:
    assert await durability_problems(server.client("krt-worker")) == ()
    await server.admin.call("CONFIG", "SET", "appendfsync", "everysec")
    problems = await durability_problems(server.client("krt-worker"))
    await server.admin.call("CONFIG", "SET", "appendfsync", "always")
    assert "appendfsync is everysec" in str(problems)


async def hear_events(server: Server) -> None:
    async with subscribe(server.endpoint("krt-worker"), CHANNEL) as channel:
        await ready(channel)
        await server.admin.call("PUBLISH", CHANNEL, "{}")
        assert await heard(channel) == b"{}"


async def claim_the_clusters_name(server: Server) -> None:
    with trio.fail_after(pace()):  # it waits for ever otherwise
        await claim_name(server.client("krt-worker"), KEYS, "default", ClusterIdentity("this one"), replace=False)


async def read_and_keep_entries(server: Server) -> None:
    event, journal = await an_accepted_event(server), a_journal(server.client("krt-worker"))
    assert [each.id for each in await journal.read_new(10)] == [event]
    assert [each.id for each in await journal.read_own(None, 10)] == [event]
    assert await journal.renew(10) == {event}
    await journal.release(10)


async def begin_a_group_anew(server: Server) -> None:
    """One that is ahead of the journal."""
    event, journal = await an_accepted_event(server), a_journal(server.client("krt-worker"))
    await journal.read_new(10)
    await server.admin.call("XGROUP", "SETID", KEYS.journal, GROUP, "9999999999999-0")
    assert [each.id for each in await journal.read_new(10)] == [event]


async def claim_what_another_left(server: Server) -> None:
    event, dead = await an_accepted_event(server), a_journal(server.admin)
    await dead.read_new(10)
    await dead.release(10)
    claimed = await a_journal(server.client("krt-worker")).claim("0-0", 10)
    assert [each.id for each in claimed.entries] == [event]


async def leave_an_entry_to_a_newer_worker(server: Server) -> None:
    event, journal = await an_accepted_event(server), a_journal(server.client("krt-worker"))
    await journal.read_new(10)
    await journal.leave(event)
    assert await journal.renew(10) == frozenset()


async def tidy_up(server: Server) -> None:
    await an_accepted_event(server)
    client = server.client("krt-worker")
    journal = a_journal(client)
    await journal.read_new(10)
    await server.admin.call("XGROUP", "CREATECONSUMER", KEYS.journal, GROUP, "gone for long")
    await journal.tidy()
    await client.eval_script(TIDY, [KEYS.journal], [GROUP, 24 * 3600 * 1000, -1])  # gone long enough at once
    consumers = await server.admin.call("XINFO", "CONSUMERS", KEYS.journal, GROUP)
    assert [consumer[3] for consumer in consumers] == [1]  # this one's entry is pending still


async def know_where_the_journal_stands(server: Server) -> None:
    event, journal = await an_accepted_event(server), a_journal(server.client("krt-worker"))
    await journal.read_new(10)
    assert (await journal.position()).newest == event
    assert await journal.group_made() <= await journal.now()


async def know_how_much_is_left(server: Server) -> None:
    event, journal = await an_accepted_event(server), a_journal(server.client("krt-worker"))
    await journal.read_new(10)
    assert await journal.backlog() == Backlog(entries=1, unsettled=1, oldest=event)


async def adopt_a_foreign_message(server: Server) -> None:
    journal = a_journal(server.client("krt-worker"))
    assert await journal.hold_lease()
    assert await journal.adopt(an_envelope())


async def record_follow_tell_and_settle(server: Server) -> None:
    event, client = await an_accepted_event(server), server.client("krt-worker")
    await a_journal(client).read_new(10)
    rollouts, matched = ValkeyRollouts(client, KEYS, group=GROUP), Group(GroupState.MATCHED)
    async with subscribe(server.endpoint("admin"), KEYS.reports_channel) as channel:
        await ready(channel)
        waiting = {WEB_KEY: Target(TargetState.WAITING)}
        await rollouts.record(event, matched, waiting, {WEB_KEY: "uid"})
        assert await heard(channel) == str(event).encode()
    assert await rollouts.is_open(event)
    assert await rollouts.hold_lease()
    followed = FollowedWorkload(WEB_KEY, "uid", (event,))
    assert await rollouts.followed() == (followed,)
    assert await rollouts.standings(followed) == {event: Standing(settled=False, target=Target(TargetState.WAITING))}
    assert await rollouts.tell(followed, READY) == 1
    await rollouts.settle(event, Group(GroupState.SETTLED, final=True), {}, {})
    await rollouts.say_alive()
    assert await rollouts.followed() == ()
    assert not await rollouts.is_open(event)


async def set_aside_what_is_not_its_own(server: Server) -> None:
    client = server.client("krt-worker")
    for key in (KEYS.alive, KEYS.followed(GROUP), KEYS.follower(GROUP), KEYS.adopter, KEYS.journal_name):
        await server.admin.call("RPUSH", key, "x")
    rollouts, journal = ValkeyRollouts(client, KEYS, group=GROUP), a_journal(client)
    await rollouts.say_alive()
    assert await rollouts.hold_lease()
    assert await rollouts.followed() == ()
    assert await journal.hold_lease()
    await an_accepted_event(server)
    await journal.position()


async def leave_as_the_last_worker(server: Server) -> None:
    rollouts = [ValkeyRollouts(server.client("krt-worker"), KEYS, group=GROUP) for _ in range(2)]
    for each in rollouts:
        await each.say_alive()
    assert [await each.leave() for each in rollouts] == [False, True]


async def list_the_clusters(server: Server) -> None:
    await ValkeyRollouts(server.admin, KEYS, group=GROUP).say_alive()
    seen = await seen_clusters(server.client("krt-operator"), KEYS)
    assert list(seen.groups) == [GROUP]


async def forget_a_cluster(server: Server) -> None:
    """One with all that a group of workers leaves behind."""
    event = await an_accepted_event(server)
    await a_journal(server.admin).read_new(10)
    await ValkeyRollouts(server.admin, KEYS, group=GROUP).record(event, Group(GroupState.MATCHED), {}, {WEB_KEY: "uid"})
    await claim_name(server.admin, KEYS, "default", ClusterIdentity("this one"), replace=False)
    await server.admin.call("HSET", KEYS.alive, GROUP, "1 1 0 {}")
    client = server.client("krt-operator")
    assert await forget(client, KEYS, "default") is Forgotten.YES
    left = {KEYS.alive, KEYS.cluster("default"), KEYS.followed(GROUP), KEYS.group_made(GROUP)}
    assert [key for key in left if await server.admin.call("EXISTS", key)] == []
    assert await server.admin.call("XINFO", "GROUPS", KEYS.journal) == []


async def show_the_newest_events_to_web(server: Server) -> None:
    await show_the_newest_events(server, "krt-web")


async def show_the_newest_events_to_the_worker(server: Server) -> None:
    await show_the_newest_events(server, "krt-worker")


async def show_the_newest_events(server: Server, user: str) -> None:
    """As the live page does on either role, one of them too long to come at once."""
    reports = RecentReports(server.client(user), KEYS)
    assert (await reports.read()).newest == ()
    event = await an_accepted_event(server)
    targets = {a_key("Deployment", "shop", f"web-{number}"): READY for number in range(400)}
    await ValkeyRollouts(server.admin, KEYS, group=GROUP).record(event, Group(GroupState.MATCHED), targets, {})
    (report,) = (await reports.read([event])).newest
    assert len(report.targets) == 400


Deed = Callable[[Server], Awaitable[None]]

DEEDS: dict[str, tuple[Deed, ...]] = {
    "krt-web": (
        accept_and_ring,
        accept_a_retry,
        refuse_a_spent_token,
        read_a_report,
        read_a_long_report,
        keep_the_state_that_was_told,
        hear_that_a_report_changed,
        see_that_valkey_is_there,
        see_what_of_durability_web_may_see,
        show_the_newest_events_to_web,
    ),
    "krt-worker": (
        see_that_valkey_is_there,
        see_whether_the_journal_is_durable,
        hear_events,
        read_and_keep_entries,
        begin_a_group_anew,
        claim_what_another_left,
        leave_an_entry_to_a_newer_worker,
        tidy_up,
        know_where_the_journal_stands,
        adopt_a_foreign_message,
        record_follow_tell_and_settle,
        know_how_much_is_left,
        claim_the_clusters_name,
        show_the_newest_events_to_the_worker,
        leave_as_the_last_worker,
        set_aside_what_is_not_its_own,
    ),
    "krt-operator": (
        list_the_clusters,
        forget_a_cluster,
    ),
}
