"""Looks at every new or changed object before the first write: if one is refused, nothing is written.

krt passes over an object if its manifest was applied before, or if its namespace or kind comes with the delivery.
"""

from functools import partial

from krt.cluster import objects
from krt.cluster.object_errors import NotServed
from krt.cluster.objects import Applied
from krt.core.delivery.takeover import take_over
from krt.core.kube.fields import text_at
from krt.core.report.action import Action, ObjectChange
from krt.core.report.target import TargetState
from krt.delivery.asking import patiently
from krt.delivery.at_once import MOST_LOOKS_AT_ONCE, each
from krt.delivery.brought import brought_by, is_namespace
from krt.delivery.errors import DeliveryDenied, DeliveryRefused, NotDelivered
from krt.delivery.jobs import must_make_way
from krt.delivery.order import Delivery
from krt.delivery.putting import LeftAsItIs, OwnedByAnother, put
from krt.delivery.run import Run
from krt.delivery.step import Step
from krt.errors import ClusterError

_NOTHING_WRITTEN = "nothing was written"
# A webhook may run in a workload of this delivery. One that does not support dry-runs is called at the apply only.
# Sources: k8s.io/apiserver, pkg/admission/plugin/webhook: validating/dispatcher.go and errors/statuserror.go.
_UNKNOWABLE = ("failed calling webhook", "does not support dry run")


class Looking:
    """The look at the objects of one delivery."""

    def __init__(self, run: Run, order: Delivery) -> None:
        self._run, self._order, self._brought = run, order, brought_by(order)
        self._worst: type[NotDelivered] | None = None
        self._missing: set[str] = set()  # namespaces that come with the delivery and are not there yet

    async def look(self, steps: tuple[Step, ...]) -> None:
        """Dry-run each step whose manifest is new or changed, or all if the order is a dry-run. Raises NotDelivered."""
        wanted = [step for step in steps if self._order.is_dry_run or not step.is_unchanged]
        spaces = [step for step in wanted if is_namespace(step.key)]
        await each(spaces, self._look, most=MOST_LOOKS_AT_ONCE)
        self._missing |= {step.key.name for step in spaces if step.is_new}
        others = [step for step in wanted if not is_namespace(step.key)]
        first = self._first_looks(others)
        await each(first, self._look, most=MOST_LOOKS_AT_ONCE)
        known = {step.key for step in first}
        rest = [step for step in others if step.key not in known]
        await each(rest, self._look, most=MOST_LOOKS_AT_ONCE)
        if self._worst:
            self._run.progress.skip_unbegun(_NOTHING_WRITTEN)
            raise self._worst(_NOTHING_WRITTEN)

    def _first_looks(self, steps: list[Step]) -> list[Step]:
        """One step for each namespace that krt may have to create: if it is missing, the others need no dry-run."""
        ensured = {each.name for each in self._order.ensured}
        first = {step.key.namespace: step for step in reversed(steps) if step.key.namespace in ensured}
        return list(first.values())

    async def _look(self, step: Step) -> bool:
        say = partial(self._run.progress.say, step.key, Action.APPLY)
        try:
            change = await patiently(partial(self._change, step), partial(say, TargetState.WAITING))
        except OwnedByAnother as error:
            self._worst = self._worst or DeliveryRefused
            say(TargetState.FAILED, f"Conflict: {error}")
        except ClusterError as error:
            self._worst = DeliveryDenied
            say(TargetState.FAILED, str(error))
        else:
            if self._order.is_dry_run:
                say(TargetState.PLANNED, change=change)
        return True

    async def _change(self, step: Step) -> ObjectChange | None:
        """The change that the apply would make; None if only the apply can tell."""
        if step.key.namespace in self._missing:
            self._order.compared(step.key, None, step.body)
            return ObjectChange.CREATED
        try:
            applied = await put(self._run, step, self._order.is_living, dry_run=True)
        except OwnedByAnother:
            raise
        except LeftAsItIs:
            return ObjectChange.UNCHANGED
        except ClusterError as error:
            if self._brought.explains(step.key, error):
                self._missing |= {step.key.namespace} if not isinstance(error, NotServed) else set()
                self._order.compared(step.key, None, step.body)
                return ObjectChange.CREATED
            if any(words in str(error) for words in _UNKNOWABLE):
                return None
            if await must_make_way(self._run, step, error):
                return ObjectChange.CONFIGURED
            raise
        step.is_new, step.seen = applied.is_new, text_at(applied.body, "metadata", "resourceVersion")
        if step.may_force and not applied.is_new and take_over(applied.body, self._run.owner):
            step.takes_over = True
        return await self._compared(step, applied) if self._order.is_dry_run else None

    async def _compared(self, step: Step, applied: Applied) -> ObjectChange:
        if applied.is_new:
            self._order.compared(step.key, None, applied.body)
            return ObjectChange.CREATED
        resource = await self._run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
        live = await objects.read(self._run.transport, resource, step.key)
        if _fields(live) == _fields(applied.body):
            return ObjectChange.UNCHANGED
        self._order.compared(step.key, live, applied.body)
        return ObjectChange.CONFIGURED


def _fields(body: objects.Body) -> objects.Body:
    """The object without managedFields, which have times in them."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {**body, "metadata": metadata}
