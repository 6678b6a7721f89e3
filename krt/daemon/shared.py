"""The objects that the roles of one process share, and the interface of a role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import trio

from krt.admin.health import Health
from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.daemon.room import Room
from krt.metrics import Metrics
from krt.serving.address import Address
from krt.settings.load import Settings

Bound = Mapping[str, tuple[Address, ...]]


@dataclass(frozen=True, slots=True)
class Daemon:
    """The objects that the roles of one process share. `stopping` is set once, when the process must drain."""

    settings: Settings
    broker: Client
    keys: Keys
    health: Health
    metrics: Metrics
    stopping: trio.Event
    room: Room


class Role(Protocol):
    """A part of the process that runs until `stopping` is set.

    It counts as started once its sockets are bound. If a server that it needs is missing, it runs and is not ready.
    """

    async def __call__(self, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        """Run the role. `task_status.started` gives the addresses it listens at, which may be none."""
        ...
