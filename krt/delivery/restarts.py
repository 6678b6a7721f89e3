"""Makes the restarts that a published Secret owes, one step after the other, and waits for their rollouts.

`krt.core.delivery.owed_restarts` decides each step from the Secret and the targets as they are now. The waits end with
a change that a watch reports, or with the target's timeout: nothing is polled.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar, cast

import trio
from msgspec.structs import replace

from krt.cluster import objects
from krt.cluster.metadata import bare_reader, whole_reader
from krt.cluster.objects import Body
from krt.core.delivery.bundle_restart import restart_patch, workload_of
from krt.core.delivery.owed_restarts import next_step, owed
from krt.core.delivery.pending_restarts import take_off
from krt.core.delivery.restart_steps import (
    AwaitTarget,
    BundleSuperseded,
    NothingOwed,
    RestartStep,
    RestartTargetNow,
    TakeOffList,
    TargetFailed,
)
from krt.core.delivery.restart_target import RestartTarget
from krt.core.kube.builtin import SECRET
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.restartable import RESTARTABLE
from krt.core.reason import readable
from krt.core.report.action import Action
from krt.core.report.target import Target, TargetState
from krt.delivery.asking import PATIENCE_SECONDS
from krt.delivery.errors import DeliveryFailed, NotDelivered
from krt.delivery.publishing import MOST_CONFLICTS, Publishing
from krt.delivery.rollout import rolling, settled
from krt.delivery.sight import Sight, sight_of
from krt.errors import ClusterError, Conflict, NotThere

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Restarts:
    """The Secret and its targets as they are now, and how far the run has come with the targets."""

    run: Publishing
    secret: Sight
    targets: dict[RestartTarget, Sight]
    wake: "Wake"
    tried: dict[RestartTarget, float] = field(default_factory=dict)  # when each was restarted, on Trio's clock
    restarted: list[RestartTarget] = field(default_factory=list)
    conflicts: int = 0
    awaited: RestartTarget | None = None
    deadline: float = 0.0

    async def to_end(self, secret: Body) -> tuple[RestartTarget, ...]:
        """Make the restarts that `secret`, as it is in the cluster, owes. Returns the restarted targets in their order.

        Raises DeliveryFailed.
        """
        await self.secret.take(_same(secret))
        while not isinstance(step := await self._step(), NothingOwed):
            await self._take(step)
        return tuple(target for target in self.run.publication.targets if target in self.restarted)

    async def _step(self) -> RestartStep:
        """The next step. A step that rests on an object's absence counts only after a look at the API server."""
        step = self._decide()
        if isinstance(step, BundleSuperseded):
            await self._look(self.secret)
            return self._decide()
        if isinstance(step, TakeOffList) and not step.is_restarted:
            await self._look(self.targets[step.target])
            return self._decide()
        return step

    def _decide(self) -> RestartStep:
        bodies = {target: sight.body for target, sight in self.targets.items()}
        secret = self.secret.body
        return next_step(self.run.publication, secret, bodies, tried=self.tried, now=datetime.now(UTC))

    async def _take(self, step: RestartStep) -> None:
        match step:
            case RestartTargetNow():
                await self._restart(step)
            case TakeOffList():
                await self._take_off(step)
            case AwaitTarget(target, reason):
                await self._wait(target, reason)
            case TargetFailed(target, reason):
                self._fail(target, reason)
            case BundleSuperseded(reason):
                raise DeliveryFailed(reason)

    async def _restart(self, step: RestartTargetNow) -> None:
        sight = self.targets[step.target]
        assert sight.body is not None
        publication, now = self.run.publication, datetime.now(UTC)
        cause = f"{publication} was published"
        patch = restart_patch(publication, step, sight.body, cause=cause, now=now)
        if await self._write(sight, patch, f"restarting {step.target}", FIELD_MANAGER):
            self.tried[step.target] = trio.current_time()
            self._tell(step.target, rolling(step.target, sight.body))

    async def _take_off(self, step: TakeOffList) -> None:
        assert self.secret.body is not None
        patch = take_off(self.secret.body, step.target)
        doing = f"taking {step.target} off the list of owed restarts of {self.secret.key}"
        if await self._write(self.secret, patch, doing, self.run.manager):
            if step.is_restarted:
                self.restarted.append(step.target)
            self._tell(step.target, settled(step, self.targets[step.target].body, self._seconds(step.target)))

    async def _write(self, sight: Sight, patch: Body, doing: str, manager: str) -> bool:
        """Whether the patch was made. If the object has changed since it was read, it is read again."""
        run, resource = self.run, sight.scope.resource
        try:
            merge = lambda: objects.merge(run.transport, resource, sight.key, patch, manager=manager)  # noqa: E731
            await sight.take(run.write(doing, merge))
        except (Conflict, NotThere) as error:
            self.conflicts += 1
            if self.conflicts > MOST_CONFLICTS:
                raise DeliveryFailed(f"{doing}: {readable(str(error))}, {self.conflicts} times in a row") from error
            await self._look(sight)
            return False
        self.conflicts = 0
        return True

    async def _look(self, sight: Sight) -> None:
        resource, key = sight.scope.resource, sight.key
        try:
            await sight.take(self.run.ask(f"reading {key}", lambda: objects.read(self.run.transport, resource, key)))
        except NotThere:
            if sight.body is not None:
                sight.remove(key)

    async def _wait(self, target: RestartTarget, reason: str) -> None:
        """Wait for a change of any of the objects. The time for a target begins when it is the next one in order."""
        if self.awaited != target:
            self.awaited, self.deadline = target, trio.current_time() + self.run.timeout_seconds
        for each in owed(self.run.publication, self.secret.body or {}):
            self._tell(each, rolling(each, self.targets[each].body))
        with trio.move_on_at(self.deadline) as scope:
            await self.wake.wait()
        if scope.cancelled_caught:
            workload = workload_of(target, self.targets[target].body)
            said = workload.status.unavailable if workload else ""
            unheard = self.targets[target].scope.state.problem or ""
            self._fail(target, readable(f"not ready within {self.run.timeout_seconds:g} s", reason, said, unheard))

    def _fail(self, target: RestartTarget, reason: str) -> None:
        last = rolling(target, self.targets[target].body)
        self._tell(target, replace(last, state=TargetState.FAILED, reason=reason))
        raise DeliveryFailed(f"{target}: {reason}")

    def _tell(self, target: RestartTarget, standing: Target) -> None:
        self.run.tell(target.key(self.run.publication.namespace), Action.RESTART, standing)

    def _seconds(self, target: RestartTarget) -> float:
        return trio.current_time() - self.tried[target] if target in self.tried else 0.0


class Wake:
    """Wakes the run when one of its objects has changed."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Note a change."""
        self._rung.set()

    async def wait(self) -> None:
        """Return when something has changed since the last wait ended."""
        await self._rung.wait()
        self._rung = trio.Event()


async def while_watched(run: Publishing, work: Callable[[Restarts], Awaitable[T]]) -> T:
    """The result of `work`, during which the Secret and the targets are watched.

    Raises DeliveryFailed if krt may not watch one of them, and the errors of a delivery that `work` raises.
    """
    restarts, failure, result = _restarts(run), None, None
    sights = (restarts.secret, *restarts.targets.values())
    async with trio.open_nursery() as nursery:
        for sight in sights:
            nursery.start_soon(sight.follow, run.transport)
        try:
            for sight in sights:
                await _followed(sight)
            result = await work(restarts)
        except NotDelivered as error:
            failure = error  # raised below: a nursery would wrap it in a group
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return cast("T", result)


def _restarts(run: Publishing) -> Restarts:
    namespace, wake = run.publication.namespace, Wake()
    secret = sight_of(bare_reader(SECRET), namespace, run.publication.secret, wake.ring)
    targets = {
        target: sight_of(whole_reader(RESTARTABLE[target.kind]), namespace, target.name, wake.ring)
        for target in run.publication.targets
    }
    return Restarts(run, secret, targets, wake)


async def _followed(sight: Sight) -> None:
    with trio.move_on_after(PATIENCE_SECONDS):
        try:
            return await sight.wait_followed()
        except ClusterError as error:
            raise DeliveryFailed(f"watching {sight.key}: {readable(str(error))}") from error
    raise DeliveryFailed(f"watching {sight.key}: {readable(sight.scope.state.problem or 'no answer')}")


async def _same(body: Body) -> Body:
    return body
