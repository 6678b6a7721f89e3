"""An API server in memory for workloads only: versions, guarded restarts, refusals and watches."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import trio

from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Stamp
from krt.errors import Conflict, NotThere
from tests.fakes.values import a_workload

Told = Callable[[ObjectKey, Workload | None], None]


@dataclass(frozen=True, slots=True)
class Patch:
    """A restart that was made. `at` is on Trio's clock."""

    key: ObjectKey
    stamp: Stamp
    at: float


class FakeWorkloads:
    """The server. `patches` holds the restarts made, `calls` all calls; each call takes `call_seconds`.

    Rollouts end at once; without `rolls_out` they never end.
    """

    def __init__(self, *workloads: Workload) -> None:
        self.objects: dict[ObjectKey, Workload] = {}
        self.patches: list[Patch] = []
        self.calls: list[tuple[str, ObjectKey]] = []
        self.call_seconds = 0.0
        self.rolls_out = True
        self.in_flight = self.most_in_flight = 0
        self._version = 1000
        self._watchers: list[Told] = []
        self._refusals: defaultdict[ObjectKey, deque[Exception | None]] = defaultdict(deque)
        self._always: dict[tuple[str, ObjectKey], Exception] = {}
        for workload in workloads:
            self.put(workload)

    def watch(self, told: Told) -> None:
        """Call `told` with every change from now on."""
        self._watchers.append(told)

    def put(self, workload: Workload) -> Workload:
        """Create or replace a workload; only its version changes."""
        self._version += 1
        stored = self.objects[workload.key] = replace(workload, resource_version=str(self._version))
        for tell in self._watchers:
            tell(workload.key, stored)
        return stored

    def change(self, key: ObjectKey, **changes: Any) -> Workload:
        """Edit a workload as another user."""
        return self.put(replace(self.objects[key], **changes))

    def delete(self, key: ObjectKey) -> None:
        del self.objects[key]
        for tell in self._watchers:
            tell(key, None)

    def refuse(self, key: ObjectKey, *errors: Exception | None) -> None:
        """Let the next calls for this workload raise these errors in turn. None: the call is answered."""
        self._refusals[key].extend(errors)

    def refuse_always(self, key: ObjectKey, error: Exception, *, call: str = "restart") -> None:
        """Let every such call for this workload raise the error."""
        self._always[call, key] = error

    def relent(self) -> None:
        """Stop refusing calls."""
        self._refusals.clear()
        self._always.clear()

    def restarts(self, key: ObjectKey) -> list[Patch]:
        return [patch for patch in self.patches if patch.key == key]

    async def read(self, key: ObjectKey) -> Workload:
        await self._answer("read", key)
        return self._known(key)

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        await self._answer("restart", workload.key)
        known = self._known(workload.key)
        if known.resource_version != workload.resource_version:
            raise Conflict("409")
        self.patches.append(Patch(workload.key, stamp, trio.current_time()))
        generation = known.generation + 1
        status = replace(known.status, observed_generation=generation) if self.rolls_out else known.status
        restarted: dict[str, Any] = {"restarted_at": stamp.restarted_at, "mark": stamp.mark}
        if known.bundle:
            restarted["bundle"] = replace(known.bundle, is_handled=self.rolls_out)
            return self.change(workload.key, **restarted)
        return self.change(workload.key, **restarted, generation=generation, status=status)

    async def _answer(self, call: str, key: ObjectKey) -> None:
        self.calls.append((call, key))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await trio.sleep(self.call_seconds)
        finally:
            self.in_flight -= 1
        if refusals := self._refusals[key]:
            if error := refusals.popleft():
                raise error
        elif error := self._always.get((call, key)):
            raise error

    def _known(self, key: ObjectKey) -> Workload:
        try:
            return self.objects[key]
        except KeyError:
            raise NotThere("404") from None


def many_workloads(count: int, image: str = "ghcr.io/acme/shop:dev") -> Iterable[Workload]:
    """`count` Deployments of one image."""
    return (a_workload(image, key=f"Deployment shop/web-{number:04}") for number in range(count))
