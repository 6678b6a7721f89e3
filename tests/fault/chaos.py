"""Executes the faults of the plan on the fleet, each in its own task, and undoes all of them at the end."""

import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import trio

from tests.apiserver.control_plane import ControlPlane
from tests.fakes.proxy import Proxy
from tests.fault.fleet import GRACE_SECONDS, Fleet
from tests.fault.krt_process import Krt
from tests.fault.model import Disturbance
from tests.fault.plan import API_SERVER, VALKEY, WEBS, WORKERS, Fault, Kind, Plan

STOP_SECONDS = GRACE_SECONDS + 12  # a running patch has 10 s, even if the grace time is shorter


class Chaos:
    """`done` holds the executed faults with their start and end; `wrongs` the problems that no fault excuses."""

    def __init__(self, fleet: Fleet, control_plane: ControlPlane) -> None:
        self.done: list[tuple[Fault, float, float]] = []
        self.wrongs: list[str] = []
        self._fleet = fleet
        self._control_plane = control_plane
        self._locks: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)

    async def run(self, plan: Plan) -> None:
        """Execute the plan. Return when its last fault is over and everything runs again."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for fault in plan.faults:
                await trio.sleep_until(began + fault.at_seconds)
                nursery.start_soon(self._do, fault)

    async def update(self, seconds: float) -> None:
        """Make a rolling update: stop each process in turn, and start it again in this checkout's version."""
        order = (WORKERS[0], WEBS[0], WORKERS[1], WEBS[1])  # both versions of each role run for a while
        for name in order:
            await trio.sleep(seconds / (len(order) + 1))
            self._fleet.krt[name].update()
            await self._do(Fault(0, Kind.STOP, name, 0.2))

    def disturbances(self) -> list[Disturbance]:
        """The times at which a worker's access to Valkey was disturbed."""
        ways = {VALKEY, *WORKERS}
        return [Disturbance(*when) for fault, *when in self.done if fault.target in ways]

    async def _do(self, fault: Fault) -> None:
        way = fault.target if fault.kind in _OF_PROXIES else ""
        async with self._locks[f"{way}/{fault.target}"]:  # a process and its proxy fail independently
            began = time.time()
            await self._action(fault)
            self.done.append((fault, began, time.time()))

    async def _action(self, fault: Fault) -> None:
        if act := _OF_PROXIES.get(fault.kind):
            await act(self._fleet.proxies[fault.target], fault)
        elif fault.target == VALKEY:
            await self._fail_valkey(fault)
        elif fault.target == API_SERVER:
            await self._fail_api_server(fault)
        else:
            await self._end_krt(self._fleet.krt[fault.target], fault)

    async def _fail_valkey(self, fault: Fault) -> None:
        valkey = self._fleet.valkey
        if fault.kind is Kind.PAUSE:
            valkey.pause()
            await trio.sleep(fault.seconds)
            valkey.resume()
        else:
            await valkey.kill()
            await trio.sleep(fault.seconds)
            await valkey.start()

    async def _fail_api_server(self, fault: Fault) -> None:
        if fault.kind is Kind.PAUSE:
            with self._control_plane.paused_apiserver():
                await trio.sleep(fault.seconds)
        else:
            await self._control_plane.kill_apiserver()
            await trio.sleep(fault.seconds)
            await self._control_plane.start_apiserver()

    async def _end_krt(self, krt: Krt, fault: Fault) -> None:
        if not krt.process.running:
            self.wrongs.append(f"{krt.name} had ended by itself before {fault}\n{krt.process.last_output()}")
        elif fault.kind is Kind.STOP:
            krt.process.send_signal(signal.SIGTERM)
            with trio.move_on_after(STOP_SECONDS) as patience:
                await krt.process.wait_exit()
            if patience.cancelled_caught:
                self.wrongs.append(f"{krt.name} did not stop within {STOP_SECONDS:g} s\n{krt.process.last_output()}")
        await krt.process.kill()
        await trio.sleep(fault.seconds)
        krt.spawn()


async def _cut(proxy: Proxy, fault: Fault) -> None:
    proxy.cut(reset=fault.kind is Kind.RESET)


async def _stall(proxy: Proxy, fault: Fault) -> None:
    proxy.stall()
    await trio.sleep(fault.seconds)
    proxy.flow()


async def _refuse(proxy: Proxy, fault: Fault) -> None:
    await proxy.refuse()
    await trio.sleep(fault.seconds)
    await proxy.listen()


async def _truncate(proxy: Proxy, fault: Fault) -> None:
    proxy.cut_after(fault.answered_bytes)
    proxy.cut()  # so that new connections are made
    await trio.sleep(fault.seconds)
    proxy.cut_after(None)
    proxy.cut()


_OF_PROXIES: dict[Kind, Callable[[Proxy, Fault], Awaitable[None]]] = {
    Kind.CUT: _cut,
    Kind.RESET: _cut,
    Kind.STALL: _stall,
    Kind.REFUSE: _refuse,
    Kind.TRUNCATE: _truncate,
}
