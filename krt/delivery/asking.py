"""Makes a call of a delivery: repeats it while the API server does not answer, and turns a refusal into a sentence."""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

from krt.backoff import Backoff
from krt.cluster.object_errors import NotServed
from krt.core.reason import readable
from krt.delivery.errors import DeliveryFailed
from krt.errors import ClusterError, ClusterUnavailable, Conflict, NotThere

T = TypeVar("T")

PATIENCE_SECONDS = 30.0  # how long the API server may be silent: a restart of it takes less


async def ask(doing: str, call: Callable[[], Awaitable[T]], note: Callable[[str], None]) -> T:
    """The answer of the call. Raises Conflict, NotThere, and DeliveryFailed with the reason; `doing` names the call.

    A call that was not answered is made again for 30 s: it must be one that may be repeated. `note` gets one line about
    the repetition.
    """
    noted = False

    def note_once(reason: str) -> None:
        nonlocal noted
        if not noted:
            note(f"{doing}: {readable(reason)}; trying again for {PATIENCE_SECONDS:g} s")
        noted = True

    with _failing(doing):
        return await patiently(call, note_once, seconds=PATIENCE_SECONDS)


def _never(_: NotThere) -> bool:
    return False


async def patiently(
    call: Callable[[], Awaitable[T]],
    tell: Callable[[str], None],
    *,
    may_appear: Callable[[NotThere], bool] = _never,
    seconds: float = math.inf,
) -> T:
    """The call's result. It is repeated after ClusterUnavailable, and after NotThere (404) if that `may_appear`.

    `tell` gets the reason of each repetition. ClusterUnavailable is raised if the repetition would come later than
    `seconds` after the first call. By default the caller's cancel scope is the deadline.
    """
    began = trio.current_time()
    async for _ in Backoff(first_seconds=0.2, most_seconds=5.0):
        try:
            return await call()
        except ClusterUnavailable as error:
            if trio.current_time() + error.retry_after_seconds - began > seconds:
                raise
            tell(str(error))
            await trio.sleep(error.retry_after_seconds)
        except NotThere as error:
            if not may_appear(error):
                raise
            tell(str(error))
    raise AssertionError("Backoff goes on for ever")


@contextmanager
def _failing(doing: str) -> Iterator[None]:
    try:
        yield
    except NotServed as error:
        raise DeliveryFailed(f"{doing}: {readable(str(error))}") from error
    except (Conflict, NotThere):
        raise
    except ClusterError as error:
        raise DeliveryFailed(f"{doing}: {readable(str(error))}") from error
