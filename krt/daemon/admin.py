"""Starts the listener for probes, metrics and the live page, which every role has."""

import time
from collections.abc import Collection
from socket import gethostname

import trio

from krt.admin.app import build_admin
from krt.admin.page import About
from krt.admin.refusals import Refusals
from krt.broker.recent import RecentReports
from krt.core.announce.event_id import EventId
from krt.core.ports.announcements import ReadRecent, Recent
from krt.core.report.presence import Seen
from krt.daemon.shared import Daemon
from krt.serving.address import Address
from krt.serving.http import serve
from krt.serving.listener import Listener
from krt.settings.parts import SECRETS


async def admin(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Serve until cancelled: the caller cancels this task after all roles have ended.

    So probes are answered, with `stopping`, while the process drains. Open live pages end as soon as it begins to stop.
    """
    listener = Listener(
        address=daemon.settings.admin.listen,
        max_connections=daemon.room.admin,
        max_connections_per_peer=None,
        lifetime_seconds=None,
        close_every_answer=False,
        grace_seconds=1,
    )
    refusals = Refusals(daemon.metrics)
    app = build_admin(
        daemon.health,
        daemon.metrics,
        read_recent=_reads_recent(daemon),
        refusals=refusals,
        deliveries=daemon.deliveries if _delivers(daemon) else None,
        about=About(daemon.settings.role, gethostname()),
        hosts=daemon.settings.admin.hosts,
        stopping=daemon.stopping,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refusals.keep)
        await serve(app, listener, stopping=trio.Event(), task_status=task_status)


def _delivers(daemon: Daemon) -> bool:
    controller = daemon.settings.controller
    return controller is not None and SECRETS in controller.controllers


def _reads_recent(daemon: Daemon) -> ReadRecent:
    return RecentReports(daemon.broker, daemon.keys).read if daemon.events else _no_events


async def _no_events(others: Collection[EventId] = ()) -> Recent:  # noqa: ARG001 - the port's
    """A process that runs only the controller has no events: its page shows only its parts."""
    return Recent((), {}, Seen({}, time.time()))
