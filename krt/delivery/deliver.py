"""Delivers the objects of one owner: look, apply in stages, wait, prune. One function, one report."""

from dataclasses import replace
from functools import partial

import trio

from krt.cluster.discovery import Discovery
from krt.cluster.transport import Transport
from krt.core.delivery.delivery_report import Show
from krt.core.report.action import Action
from krt.delivery.applying import Applying
from krt.delivery.asking import patiently
from krt.delivery.errors import DeliveryFailed, DeliveryRefused, NotDelivered
from krt.delivery.looking import Looking
from krt.delivery.order import Delivery, DeliveryResult, End
from krt.delivery.progress import Progress
from krt.delivery.pruning import Pruning
from krt.delivery.reporting import planned, reported, unanswered
from krt.delivery.run import Run
from krt.delivery.step import Step, steps_of
from krt.delivery.stored_inventory import StoredInventory

_NOTE_SECONDS = 10.0  # for the inventory after the applies, also after a failure or a cancellation


async def deliver(
    transport: Transport, order: Delivery, show: Show, *, records: Transport | None = None
) -> DeliveryResult:
    """Make the cluster hold the owner's objects as `order` says.

    `records` reads and writes the inventory, if another account keeps it than the one that applies the objects.
    Needs an HTTP client with at least MOST_AT_ONCE + MOST_WATCHES connections. Raises no error of the cluster: the
    report names each. If it is cancelled, the inventory has every object that may have been written.
    """
    progress = Progress(order.owner, show, is_dry_run=order.is_dry_run)
    inventory = StoredInventory(
        records or transport, order.owner, order.inventory_namespace, order.labels, order.annotations
    )
    ensured = {each.name: each for each in order.ensured}
    run = Run(transport, order.owner, progress, inventory, Discovery(transport), ensured)
    result = await reported(progress, partial(_deliver, run, order))
    applied = {step.key: step.version for step in run.steps if step.applied}
    is_applied = progress.has_begun and all(step.applied or step.is_gone for step in run.steps)
    return replace(result, inventory=inventory.now, versions=applied, is_applied=is_applied)


async def _deliver(run: Run, order: Delivery) -> End:
    _check(order)
    run.progress.expect((each.key for each in order.manifests), Action.APPLY)
    with trio.move_on_after(order.timeout_seconds) as deadline:
        steps = await _looked_at(run, order)
        if order.is_dry_run:
            await _pruning(run, order).prune()
        else:
            await _apply(run, order, steps)
    if deadline.cancelled_caught:
        raise _late(run, order.timeout_seconds)
    return planned(run.progress) if order.is_dry_run else await _finish(run, order)


def _check(order: Delivery) -> None:
    keys = [each.key for each in order.manifests]
    if twice := sorted({str(key) for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else ()):
        raise DeliveryRefused(f"nothing was written: {', '.join(twice)} stands in the delivery twice")


async def _looked_at(run: Run, order: Delivery) -> tuple[Step, ...]:
    await patiently(run.inventory.load, partial(run.progress.tell, "the inventory cannot be read yet"))
    run.steps[:] = steps_of(order, run.inventory.now)
    await Looking(run, order).look(tuple(run.steps))
    return tuple(run.steps)


async def _apply(run: Run, order: Delivery, steps: tuple[Step, ...]) -> None:
    run.progress.begin()
    applying = Applying(run, order, steps)
    try:
        await applying.apply()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _NOTE_SECONDS):
            await patiently(applying.note, partial(run.progress.tell, "the inventory cannot be written yet"))


def _late(run: Run, seconds: float) -> NotDelivered:
    if not run.progress.has_begun:
        return unanswered(run.progress, "nothing was written", seconds)
    late = f"not ready within {seconds:g} s"
    run.progress.fail_unsettled(late)
    run.progress.skip_unbegun("not applied in time")
    return DeliveryFailed(late)


async def _finish(run: Run, order: Delivery) -> End:
    if not order.prunes:
        return End.READY
    if problem := await order.before_pruning(run.progress):
        raise DeliveryFailed(problem)
    await _prune(run, order)
    return End.FAILED if run.progress.has_failed() else End.READY


async def _prune(run: Run, order: Delivery) -> None:
    pruning = _pruning(run, order)
    with trio.move_on_after(order.timeout_seconds) as deadline:
        await pruning.prune()
    if deadline.cancelled_caught:
        run.progress.fail_unsettled(f"not gone within {order.timeout_seconds:g} s")
    await run.inventory.save(run.inventory.now.without(pruning.gone))


def _pruning(run: Run, order: Delivery) -> Pruning:
    entries = run.inventory.now.beside({each.key for each in order.manifests} | order.others)
    return Pruning(run, entries, extent=order.extent, own_namespace=order.own_namespace, is_dry_run=order.is_dry_run)
