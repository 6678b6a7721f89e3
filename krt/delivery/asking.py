"""Makes a call of a delivery: repeats it while the API server does not answer, and turns a refusal into a sentence."""

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
    began, noted = trio.current_time(), False
    with _failing(doing):
        async for _ in Backoff(first_seconds=0.5, most_seconds=5.0):
            try:
                return await call()
            except ClusterUnavailable as error:
                if trio.current_time() + error.retry_after_seconds - began > PATIENCE_SECONDS:
                    raise
                if not noted:
                    note(f"{doing}: {readable(str(error))}; trying again for {PATIENCE_SECONDS:g} s")
                noted = True
                await trio.sleep(error.retry_after_seconds)
    raise AssertionError("a backoff does not end")


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
