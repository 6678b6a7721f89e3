"""The objects that the roles of one process share, and the interface of a role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import trio

from krt.admin.health import Health
from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.core.app_secrets.delivered import RecentDeliveries
from krt.daemon.room import Room
from krt.metrics import Metrics
from krt.serving.address import Address
from krt.settings.load import Settings

Bound = Mapping[str, tuple[Address, ...]]


@dataclass(frozen=True, slots=True)
class EventStore:
    """Valkey: its client, and the names of the keys there."""

    client: Client
    keys: Keys


@dataclass(frozen=True, slots=True)
class Daemon:
    """The objects that the roles of one process share. `stopping` is set once, when the process must drain.

    `events` is None in a process that runs only the controller. Then `broker` and `keys` must not be asked for.
    """

    settings: Settings
    events: EventStore | None
    health: Health
    metrics: Metrics
    stopping: trio.Event
    room: Room
    deliveries: RecentDeliveries = field(default_factory=RecentDeliveries)  # of App secrets, for the page

    @property
    def broker(self) -> Client:
        """The client of Valkey."""
        assert self.events is not None, "a controller alone has no Valkey"
        return self.events.client

    @property
    def keys(self) -> Keys:
        """The names of the keys in Valkey."""
        assert self.events is not None, "a controller alone has no Valkey"
        return self.events.keys


class Role(Protocol):
    """A part of the process that runs until `stopping` is set.

    It counts as started once its sockets are bound. If a server that it needs is missing, it runs and is not ready.
    """

    async def __call__(self, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        """Run the role. `task_status.started` gives the addresses it listens at, which may be none."""
        ...
