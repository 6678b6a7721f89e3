"""Runs the ASGI lifespan of an app: startup before its first request, shutdown after its last."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from krt.serving.asgi import App, LifespanScope, ReceiveEvent, SendEvent


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
    """Yield the state that the app's startup has set for its requests; empty if the app has no lifespan.

    An exception of the app ends the server. (Hypercorn would serve without the parts that the app could not start.)
    """
    state: dict[str, Any] = {}
    scope: LifespanScope = {
        "type": "lifespan",
        "asgi": {"spec_version": "2.0", "version": "3.0"},
        "state": state,
    }
    events_in, events_out = trio.open_memory_channel[ReceiveEvent](2)
    answers_in, answers_out = trio.open_memory_channel[SendEvent](2)

    async def run() -> None:
        with answers_in, events_out:
            await app(scope, events_out.receive, answers_in.send)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, name="lifespan")
        await _tell(events_in, answers_out, {"type": "lifespan.startup"})
        yield state
        await _tell(events_in, answers_out, {"type": "lifespan.shutdown"})
        nursery.cancel_scope.cancel()


async def _tell(
    events: trio.MemorySendChannel[ReceiveEvent],
    answers: trio.MemoryReceiveChannel[SendEvent],
    event: ReceiveEvent,
) -> None:
    try:
        await events.send(event)
        answer = await answers.receive()
    except (trio.BrokenResourceError, trio.EndOfChannel):
        return  # the app has no lifespan
    if answer["type"].endswith(".failed"):
        raise RuntimeError(f"{event['type']}: the app failed to follow")
