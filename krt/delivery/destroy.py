"""Deletes all objects of an owner in the reverse order, and then the owner's inventory."""

from functools import partial

import trio

from krt.cluster.discovery import Discovery
from krt.cluster.transport import Transport
from krt.core.delivery.delivery_report import Show
from krt.delivery.asking import patiently
from krt.delivery.errors import DeliveryFailed
from krt.delivery.order import DeliveryResult, End, Removal
from krt.delivery.progress import Progress
from krt.delivery.pruning import Pruning
from krt.delivery.reporting import planned, reported, unanswered
from krt.delivery.run import Run
from krt.delivery.stored_inventory import StoredInventory


async def destroy(
    transport: Transport, order: Removal, show: Show, *, records: Transport | None = None
) -> DeliveryResult:
    """Delete the owner's objects. The end is also READY if there is none, or if krt keeps some: the report says why.

    `records` as in `deliver`.
    """
    progress = Progress(order.owner, show, is_dry_run=order.is_dry_run)
    inventory = StoredInventory(records or transport, order.owner, order.inventory_namespace)
    run = Run(transport, order.owner, progress, inventory, Discovery(transport))
    return await reported(progress, partial(_destroy, run, order))


async def _destroy(run: Run, order: Removal) -> End:
    pruning: Pruning | None = None
    with trio.move_on_after(order.timeout_seconds) as deadline:
        await patiently(run.inventory.load, partial(run.progress.tell, "the inventory cannot be read yet"))
        if not order.is_dry_run:
            run.progress.begin()
        pruning = Pruning(
            run,
            run.inventory.now.entries,
            extent=order.extent,
            own_namespace=order.own_namespace,
            is_dry_run=order.is_dry_run,
        )
        await pruning.prune()
    if order.is_dry_run:
        if deadline.cancelled_caught:
            raise unanswered(run.progress, "nothing was deleted", order.timeout_seconds)
        return planned(run.progress)
    if pruning:
        await _note(run, pruning)
    if deadline.cancelled_caught:
        late = f"not gone within {order.timeout_seconds:g} s"
        run.progress.fail_unsettled(late)
        raise DeliveryFailed(late)
    return End.FAILED if run.progress.has_failed() else End.READY


async def _note(run: Run, pruning: Pruning) -> None:
    """Write the objects that are left into the inventory; delete it if there is none."""
    left = run.inventory.now.without(pruning.gone)
    if left.entries:
        await run.inventory.save(left)
    else:
        await run.inventory.delete()
