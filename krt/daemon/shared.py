"""What the parts of one process share, and what a part is."""

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
    """What the roles of one process share. `stopping` is set once; whoever drains waits for it."""

    settings: Settings
    broker: Client
    keys: Keys
    health: Health
    metrics: Metrics
    stopping: trio.Event
    room: Room


class Role(Protocol):
    """A part that runs until `stopping`. It has started when its sockets are bound; what it lacks: not ready."""

    async def __call__(self, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        """Starts with the addresses it listens at."""
        ...
