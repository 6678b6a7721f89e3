"""Serves an ASGI app on a real loopback port during a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from hypercorn.typing import ASGIFramework

from krt.dev.listener import stand_in_listener
from krt.serving.http import serve


@asynccontextmanager
async def served(app: ASGIFramework) -> AsyncIterator[str]:
    """Yields the base URL. Connections that are still open at the end are cut."""
    async with trio.open_nursery() as nursery:
        stopping = trio.Event()
        (address,) = await nursery.start(partial(serve, app, stand_in_listener(), stopping=stopping))
        yield f"http://{address}"
        nursery.cancel_scope.cancel()
