"""Starts the roles of one process in order, and stops them within the grace time."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import trio

from krt.admin.health import Health, Tell
from krt.broker.client import Client, open_client
from krt.broker.durability import durability_problems
from krt.broker.keys import Keys
from krt.core.caller.patterns import ImagePattern
from krt.daemon import signals
from krt.daemon.admin import admin
from krt.daemon.memory import collect_often, settle
from krt.daemon.room import room_for
from krt.daemon.shared import Bound, Daemon, EventStore, Role
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.metrics import Metrics
from krt.serving.address import Address
from krt.settings.load import Settings

log = Log("daemon")

_PING_SECONDS = 5.0
_DURABILITY_SECONDS = 60.0


async def run(settings: Settings, *, task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED) -> bool:
    """Run the roles that the settings name until a signal stops them.

    Returns whether all running work was finished within the grace time. `task_status.started` gives the bound
    addresses by role. If the process cannot start, raises SettingsInvalid or BindFailed, alone or in exception groups.

    There are two nurseries: `root` has the roles; `support` has the parts that serve the roles and end after them.
    """
    started, stopping = trio.Event(), trio.Event()
    may_stop, room = signals.stopping_signals(), room_for(settings)
    with signals.heard() as heard:
        async with _event_store(settings) as events, trio.open_nursery() as support:
            daemon = Daemon(settings, events, Health(), Metrics(), stopping, room)
            daemon.health.add("process", lambda: _phase(started, stopping), _running_since(datetime.now(UTC)))
            async with trio.open_nursery() as root:
                with trio.CancelScope() as starting:  # a credential plugin may take long
                    support.start_soon(
                        partial(signals.hear, heard, partial(_stop, daemon, starting), stopping=may_stop)
                    )
                    bound = {"admin": await support.start(_until_stopping, "admin", admin, daemon)}
                    support.start_soon(_say_readiness, daemon.health)
                    if events:
                        support.start_soon(_watch_durability, events.client, daemon.metrics)
                    for name, role in _roles(settings):
                        bound[name] = await root.start(_until_stopping, name, role, daemon)
                    log.info("started", **{f"{name}_at": where for name, where in bound.items() if where})
                    started.set()
                    task_status.started(bound)
                    settle()
                    collect_often()
                await stopping.wait()
                root.cancel_scope.deadline = trio.current_time() + settings.process.grace_seconds
            support.cancel_scope.cancel()
    log.info("stopped", in_time=not root.cancel_scope.cancelled_caught)
    return not root.cancel_scope.cancelled_caught


@asynccontextmanager
async def _event_store(settings: Settings) -> AsyncIterator[EventStore | None]:
    """The connection to Valkey; None in a process that runs only the controller."""
    if settings.events is None:
        yield None
        return
    _warn_of_registries(settings.admission.patterns)
    async with open_client(settings.valkey.endpoint()) as client:
        yield EventStore(client, Keys(settings.valkey.key_prefix))


def _roles(settings: Settings) -> Iterator[tuple[str, Role]]:
    if settings.web:
        from krt.daemon.web import web

        yield "web", web
    if settings.cluster:
        from krt.daemon.worker import worker

        yield "worker", worker
    if settings.controller:
        from krt.daemon.controller import controller

        yield "controller", controller


async def _until_stopping(
    name: str, role: Role, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]
) -> None:
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(role, daemon)
        log.info("role_started", role=name, at=bound)
        task_status.started(bound)
    if not daemon.stopping.is_set():
        raise RuntimeError(f"the role {name} ended, and nobody had asked it to")


def _stop(daemon: Daemon, starting: trio.CancelScope, signal: str) -> None:
    log.info("stopping", signal=signal, grace_seconds=daemon.settings.process.grace_seconds)
    daemon.stopping.set()
    starting.cancel()


async def _say_readiness(health: Health) -> None:
    said: tuple[str, ...] | None = None
    while True:
        problems = health.problems()
        if problems != said:
            said = problems
            log.warning("not_ready", problems=problems) if problems else log.info("ready")
        await trio.sleep(0.05 if problems else 1)


async def _watch_durability(broker: Client, metrics: Metrics) -> None:
    said: tuple[str, ...] | None = None
    while True:
        try:
            problems = await durability_problems(broker)
        except BrokerUnavailable:
            await trio.sleep(_PING_SECONDS)  # readiness reports that Valkey is away
            continue
        if problems != said and (problems or said):
            log.warning("journal_not_durable", problems=problems) if problems else log.info("journal_durable")
        said = problems
        metrics.journal_durable(not problems)
        await trio.sleep(_DURABILITY_SECONDS)


def _phase(started: trio.Event, stopping: trio.Event) -> str | None:
    if stopping.is_set():
        return "stopping"
    return None if started.is_set() else "starting"


def _running_since(began: datetime) -> Tell:
    return lambda: f"running since {began:%Y-%m-%d %H:%M}"


def _warn_of_registries(patterns: Iterable[ImagePattern]) -> None:
    for registry in dict.fromkeys(pattern.components[0] for pattern in patterns if pattern.is_registry):
        log.warning(
            "policy_admits_a_registry",
            registry=registry,
            problem="every image of every owner there is admitted: name an organisation, too, as in ghcr.io/acme/",
        )
