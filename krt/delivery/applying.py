"""Applies the objects of a delivery, stage by stage: each stage is current before the next one begins."""

from functools import partial
from typing import NoReturn

from krt.cluster.object_errors import NotServed
from krt.cluster.objects import Applied, Body
from krt.core.delivery.object_wishes import is_awaited
from krt.core.delivery.stages import in_stages
from krt.core.kube.builtin_status import is_complete_job
from krt.core.kube.kstatus import status_of
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_status import ObjectState
from krt.core.report.action import Action, ObjectChange
from krt.core.report.target import TargetState
from krt.delivery.asking import patiently
from krt.delivery.at_once import each
from krt.delivery.brought import brought_by, is_namespace
from krt.delivery.errors import DeliveryFailed
from krt.delivery.jobs import make_way
from krt.delivery.order import Delivery
from krt.delivery.putting import LeftAsItIs, OwnedByAnother, put
from krt.delivery.run import Run
from krt.delivery.step import Step, inventory_after, inventory_before
from krt.delivery.waiting import Awaited, say, until_current
from krt.errors import ClusterError, NotThere

_CONTAINERS = {("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")}
_UNWRITTEN = "the inventory cannot be written yet"


class Applying:
    """The applies of one delivery."""

    def __init__(self, run: Run, order: Delivery, steps: tuple[Step, ...]) -> None:
        self._run, self._order, self._steps = run, order, steps
        self._by_key = {step.key: step for step in steps}
        self._brought = brought_by(order)
        self._is_noted = False

    async def apply(self) -> None:
        """Apply everything. Raises NotDelivered at the end of a stage in which an object has failed."""
        stages = in_stages(step.manifest for step in self._steps)
        for stage in stages or ((),):
            await self._note_before([self._by_key[manifest.key] for manifest in stage])
            await self._stage([self._by_key[manifest.key] for manifest in stage])

    async def note(self) -> None:
        """Write the objects that were applied into the inventory."""
        if self._is_noted:
            inventory = self._run.inventory
            await inventory.save(inventory_after(inventory.now, self._steps, self._run.owner))

    async def _note_before(self, steps: list[Step]) -> None:
        """Write the union into the inventory, unless the inventory's namespace comes with this stage."""
        if self._is_noted:
            return
        run = self._run
        save = partial(run.inventory.save, inventory_before(run.inventory.now, self._steps))
        tell = partial(run.progress.tell, _UNWRITTEN)
        try:
            await patiently(save, tell)
        except NotThere:
            if await run.ensure(self._order.inventory_namespace):
                await patiently(save, tell)
            elif any(is_namespace(step.key) for step in steps):
                return
            else:
                raise
        self._is_noted = True

    async def _stage(self, steps: list[Step]) -> None:
        await each(steps, self._apply)
        self._end_if_failed()
        if any(step.is_new and step.key[:2] in _CONTAINERS for step in steps):
            await self.note()  # later nobody could tell that krt created them and may delete them
        if self._order.waits:
            await self._wait([await self._awaited(step) for step in steps if not _is_current(step)])

    async def _wait(self, awaited: list[Awaited]) -> None:
        if not awaited:
            return
        async with self._order.waiting():
            is_current = await until_current(self._run, awaited, self._note_end)
        if not is_current:
            self._end()

    def _note_end(self, key: ObjectKey, body: Body) -> None:
        self._by_key[key].has_ended = is_complete_job(body)

    async def _apply(self, step: Step) -> bool:
        tell = partial(self._run.progress.say, step.key, Action.APPLY)
        progressing = partial(tell, TargetState.PROGRESSING)
        progressing()
        may_appear = partial(self._brought.explains, step.key)
        try:
            applied = await patiently(partial(self._put, step), progressing, may_appear=may_appear)
        except LeftAsItIs as reason:
            step.is_gone = True
            tell(TargetState.READY, str(reason), change=ObjectChange.UNCHANGED)
            return True
        except ClusterError as error:
            tell(TargetState.FAILED, f"Conflict: {error}" if isinstance(error, OwnedByAnother) else str(error))
            return False
        progressing(change=step.note(applied, self._run.owner))
        if is_awaited(step.manifest.body):
            say(self._run.progress, step.key, status_of(applied.body))
        else:
            tell(TargetState.READY)
        return True

    async def _put(self, step: Step) -> Applied:
        if step.replaces:
            await make_way(self._run, step)
        try:
            return await put(self._run, step, self._order.is_living, dry_run=False)
        except NotServed:
            raise
        except NotThere:
            if not await self._run.ensure(step.key.namespace):
                raise
            return await put(self._run, step, self._order.is_living, dry_run=False)

    async def _awaited(self, step: Step) -> Awaited:
        resource = await self._run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
        return Awaited(step.key, resource, step.applied or {})

    def _end_if_failed(self) -> None:
        if self._run.progress.has_failed():
            self._end()

    def _end(self) -> NoReturn:
        self._run.progress.skip_unbegun("not applied, because an object before it has failed")
        raise DeliveryFailed


def _is_current(step: Step) -> bool:
    if step.is_gone or not is_awaited(step.manifest.body):
        return True
    return step.applied is not None and status_of(step.applied).state is ObjectState.CURRENT
