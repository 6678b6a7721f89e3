"""Shows the report while a delivery or removal goes on, and turns its end into the last document."""

from collections.abc import Awaitable, Callable

import trio

from krt.core.report.report import EventState
from krt.delivery.errors import DeliveryDenied, NotDelivered
from krt.delivery.order import DeliveryResult, End
from krt.delivery.progress import Progress
from krt.errors import ClusterError

_STATES = {End.READY: EventState.READY, End.PLANNED: EventState.DONE}


def planned(progress: Progress) -> End:
    """The end of a dry-run whose calls were all answered."""
    return End.DENIED if progress.has_failed() else End.PLANNED


def unanswered(progress: Progress, left: str, seconds: float) -> DeliveryDenied:
    """The error for calls that were not all answered in time. `left` says that the cluster is as it was."""
    progress.skip_unbegun(left)
    return DeliveryDenied(f"{left}: the API server has not answered all calls in {seconds:g} s")


async def reported(progress: Progress, work: Callable[[], Awaitable[End]]) -> DeliveryResult:
    """The end of `work`, which raises NotDelivered or an error of the cluster if it cannot go on."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.keep_showing)
        end, problem = await _ended(progress, work)
        nursery.cancel_scope.cancel()
    return DeliveryResult(end, progress.end(_STATES.get(end, EventState.FAILED), problem))


async def _ended(progress: Progress, work: Callable[[], Awaitable[End]]) -> tuple[End, str]:
    try:
        return await work(), ""
    except NotDelivered as ended:
        return ended.end, str(ended)
    except ClusterError as error:
        return (End.FAILED if progress.has_begun else End.DENIED), str(error)
