"""Leadership on the mock clock: never two leaders, however the API server fails, and a new one in time."""

import json
import random
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from krt.cluster.transport import Transport
from krt.controller.lease import GIVE_UP_SECONDS, SECONDS, Leadership
from krt.core.kube.builtin import LEASE
from krt.errors import ClusterUnavailable, Conflict, NotThere


class Server:
    """Keeps one Lease. `away` has the identities whose calls it does not answer."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.version = 0
        self.away: set[str] = set()

    def write(self, fields: dict[str, Any]) -> None:
        wanted = fields["metadata"].get("resourceVersion")
        if wanted != (self.body["metadata"]["resourceVersion"] if self.body else None):
            raise Conflict("the object has been modified")
        self.version += 1
        before = self.body["spec"] if self.body else {}
        self.body = {"metadata": {"resourceVersion": str(self.version)}, "spec": {**before, **fields["spec"]}}


class Client(Transport):
    """The calls of one process."""

    def __init__(self, server: Server, identity: str) -> None:
        self._server, self._identity = server, identity

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        await trio.sleep(0.05)
        if self._identity in self._server.away:
            await trio.sleep(3)
            raise ClusterUnavailable("no answer")
        if method != "GET":
            self._server.write(json.loads(more["content"]))
        if self._server.body is None:
            raise NotThere(path)
        return 200, json.dumps(self._server.body).encode()


class Process:
    def __init__(self, server: Server, identity: str, nursery: trio.Nursery) -> None:
        self.leadership = Leadership(Client(server, identity), LEASE.key("krt-system", "krt-bundles"), identity)
        nursery.start_soon(self.leadership.lead, trio.sleep_forever)


async def test_a_leader_that_cannot_renew_stops_before_another_begins(autojump_clock: MockClock) -> None:
    """Seen to fail with GIVE_UP_SECONDS longer than the Lease, and with a takeover without a wait."""
    server = Server()
    async with trio.open_nursery() as nursery:
        one, two = (Process(server, identity, nursery).leadership for identity in ("one", "two"))
        await trio.sleep(5)
        leader, other = (one, two) if one.leads else (two, one)
        assert (leader.leads, other.leads) == (True, False)
        server.away.add(leader.holder)
        began = trio.current_time()
        while leader.leads:
            assert not other.leads
            await trio.sleep(0.1)
        assert trio.current_time() - began <= GIVE_UP_SECONDS + 1
        await trio.sleep_until(began + SECONDS + 5)
        assert other.leads
        server.away.clear()
        await trio.sleep(60)
        assert (leader.leads, other.leads) == (False, True)
        nursery.cancel_scope.cancel()


async def test_an_orderly_stop_lets_the_other_begin_at_once(autojump_clock: MockClock) -> None:
    """Seen to fail if the leader does not take its name off the Lease."""
    server = Server()
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as first:
            one = Process(server, "one", first).leadership
            await trio.sleep(1)
            two = Process(server, "two", nursery).leadership
            await trio.sleep(20)
            assert (one.leads, two.leads) == (True, False)
            first.cancel_scope.cancel()
        await trio.sleep(3)
        assert two.leads
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(3))
async def test_two_never_lead_at_once_whatever_fails(autojump_clock: MockClock, seed: int) -> None:
    """Three processes for a quarter of an hour; each of them loses the API server now and then."""
    chance, server, led = random.Random(seed), Server(), set[str]()
    names = ("one", "two", "three")
    async with trio.open_nursery() as nursery:
        found = {name: Process(server, name, nursery).leadership for name in names}
        for _ in range(900):
            await trio.sleep(1)
            leaders = {name for name, each in found.items() if each.leads}
            assert len(leaders) <= 1
            led |= leaders
            if chance.random() < 0.05:
                server.away = {name for name in names if chance.random() < 0.4}
        nursery.cancel_scope.cancel()
    assert len(led) > 1  # who does is Trio's to choose
