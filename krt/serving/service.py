"""The objects that all connections of one listener share."""

from dataclasses import dataclass
from typing import Any

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper

from krt.serving.asgi import App
from krt.serving.connections import Connections
from krt.serving.failures import FailureLog
from krt.serving.limited import limited
from krt.serving.listener import Listener, hypercorn_config

_RECEIVE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """An app with its limits. `state` comes from the app's lifespan and is copied into each request's state."""

    app: AppWrapper
    listener: Listener
    config: Config
    state: dict[str, Any]
    connections: Connections
    context: WorkerContext
    failures: FailureLog
    receive_buffer: memoryview


def make_service(app: App, listener: Listener, state: dict[str, Any]) -> Service:
    """Wrap the app in the body limits of `listener`."""
    return Service(
        app=ASGIWrapper(limited(app, listener)),
        listener=listener,
        config=hypercorn_config(listener),
        state=state,
        connections=Connections(listener),
        context=WorkerContext(max_requests=None),
        failures=FailureLog(),
        receive_buffer=memoryview(bytearray(_RECEIVE_BYTES)),
    )
