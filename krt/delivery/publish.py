"""Publishes a file as a Secret, and restarts the workloads that use it, for `krt apply` and `krt publish`."""

from krt.core.delivery.owed_restarts import owed
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import AsItIs, with_owed
from krt.delivery.publishing import Publishing
from krt.delivery.restarts import Restarts, while_watched
from krt.delivery.secret_write import decide, write_secret


async def publish(run: Publishing) -> tuple[RestartTarget, ...]:
    """Put the file into the Secret, and restart the named targets if it changed, and those still owed a restart.

    Returns the restarted targets, whose rollouts have ended well. Raises DeliveryRefused, and DeliveryFailed; the list
    of owed restarts then stays on the Secret, and the next run continues.
    """
    with run.reported():
        return await _publish(run)


async def _publish(run: Publishing) -> tuple[RestartTarget, ...]:
    live = await run.read_secret()
    run.publication = with_owed(run.publication, live)
    is_there = isinstance(decide(run, live), AsItIs)
    if not run.publication.targets or (is_there and live is not None and not owed(run.publication, live)):
        await write_secret(run, live)
        return ()

    async def write_and_restart(restarts: Restarts) -> tuple[RestartTarget, ...]:
        return await restarts.to_end(await write_secret(run, live))

    # Watched before the first write: a run that may not watch its targets must not change the Secret.
    return await while_watched(run, write_and_restart)
