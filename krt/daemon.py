"""Which parts of krt run together, in what order they become ready, and how they stop."""

import gc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from math import inf
from signal import SIGINT, SIGTERM, Signals
from socket import gethostname
from typing import Protocol

import trio

from krt.admin.app import build_admin
from krt.admin.health import Health, Tell
from krt.admin.page import About
from krt.admin.refusals import Refusals
from krt.broker.accept import Acceptor
from krt.broker.channel import subscribe
from krt.broker.client import Client, open_client
from krt.broker.clusters import claim_name
from krt.broker.durability import durability_problems
from krt.broker.journal import Journal
from krt.broker.keys import Keys
from krt.broker.recent import RecentReports
from krt.broker.reports import Reports
from krt.broker.rollouts import Rollouts
from krt.core.patterns import ImagePattern
from krt.core.policy import Rule
from krt.core.presence import Presence
from krt.errors import BrokerUnavailable, KeysUnavailable
from krt.logs import Log
from krt.metrics import Metrics
from krt.oidc.caller import identify
from krt.oidc.keys import KeyRing, key_ring_of
from krt.serving.address import Address
from krt.serving.http import serve
from krt.serving.listener import Listener
from krt.settings.load import Settings
from krt.settings.parts import Cluster as ClusterSettings

log = Log("daemon")

Bound = Mapping[str, tuple[Address, ...]]

_PING_SECONDS = 5.0
_DURABILITY_SECONDS = 60.0
_READING_CALLS = 16


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the roles of one process share. `stopping` is set once; whoever drains waits for it."""

    settings: Settings
    broker: Client
    keys: Keys
    health: Health
    metrics: Metrics
    stopping: trio.Event


class Role(Protocol):
    """A part that runs until `stopping`. It has started when its sockets are bound; what it lacks: not ready."""

    async def __call__(self, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        """Starts with the addresses it listens at."""
        ...


async def run(settings: Settings, *, task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED) -> bool:
    """Run the roles that the settings name until SIGTERM or SIGINT; whether everything in hand was finished.

    Raises SettingsInvalid and BindFailed where the process cannot start as it was told, within exception groups.
    """
    started, stopping = trio.Event(), trio.Event()
    with trio.open_signal_receiver(SIGTERM, SIGINT) as signals:
        async with open_client(settings.valkey.endpoint()) as broker, trio.open_nursery() as support:
            daemon = Daemon(settings, broker, Keys(settings.valkey.key_prefix), Health(), Metrics(), stopping)
            _warn_of_registries(settings.admission.patterns)
            daemon.health.add("process", lambda: _phase(started, stopping), _told_since(datetime.now(UTC)))
            async with trio.open_nursery() as root:
                with trio.CancelScope() as starting:  # which may take long: a credential plugin asks its cloud
                    support.start_soon(_hear, signals, daemon, starting)
                    bound = {"admin": await support.start(_until_stopping, "admin", admin, daemon)}
                    support.start_soon(_say_readiness, daemon.health)
                    support.start_soon(_watch_durability, broker, daemon.metrics)
                    for name, role in _roles(settings):
                        bound[name] = await root.start(_until_stopping, name, role, daemon)
                    log.info("started", **{f"{name}_at": where for name, where in bound.items() if where})
                    started.set()
                    task_status.started(bound)
                    gc.freeze()  # what was imported and set up stays: no later collection need look through it
                await stopping.wait()
                root.cancel_scope.deadline = trio.current_time() + settings.process.grace_seconds
            support.cancel_scope.cancel()
    log.info("stopped", in_time=not root.cancel_scope.cancelled_caught)
    return not root.cancel_scope.cancelled_caught


async def web(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Accept events. Before the issuer's keys are there, every call is told to come again."""
    from krt.web.app import build_app
    from krt.web.call import Door
    from krt.web.denials import DenialLog
    from krt.web.drift import Drift
    from krt.web.gate import gate_of
    from krt.web.limit import RateLimit
    from krt.web.requests import RequestLog
    from krt.web.watch import ReportWatch

    settings, told = daemon.settings, daemon.settings.web
    assert told is not None, "the role runs where its settings are"
    keys = await key_ring_of(told.issuer.url, proxy=told.issuer_proxy, ca_file=told.issuer_ca_file)
    acceptor = Acceptor(
        daemon.broker, daemon.keys, channel=settings.valkey.channel, most_entries=settings.valkey.most_journal_entries
    )
    metrics, denials, rules = daemon.metrics.web, DenialLog(), settings.rules()
    metrics.watch_keys(count=keys.key_count, age_seconds=keys.age_seconds, fetches=keys.fetches)
    requests = RequestLog(metrics, denials, told.trusted_proxies)
    door = Door(
        identify=partial(identify, ring=keys, issuer=told.issuer.url, audience=told.audience),
        rules=rules,
        limit=RateLimit(),
        accept=acceptor.accept,
        drift=Drift(),
        metrics=metrics,
        read_report=Reports(daemon.broker, daemon.keys).read,
        watch=ReportWatch(told.max_waiting, daemon.stopping),
    )
    listener = Listener(
        address=told.listen,
        trusted_proxies=told.trusted_proxies,
        grace_seconds=settings.process.grace_seconds,
        on_denied=requests.denied,
        on_count=metrics.connections_open,
        gate=gate_of(door, requests),
    )
    _warn_of_names(rules)
    reports_channel = subscribe(daemon.broker.endpoint, daemon.keys.reports_channel)
    async with reports_channel as reports, trio.open_nursery() as support:
        support.start_soon(door.watch.hear, reports)
        support.start_soon(door.watch.end_when_stopping)
        await support.start(keys.keep_fresh)
        support.start_soon(denials.tell_counts)
        daemon.health.add("keys", lambda: _missing_keys(keys), lambda: _told_of_keys(keys))
        daemon.health.add("Valkey", await support.start(_watch_broker, daemon.broker))
        await serve(build_app(door, requests), listener, stopping=daemon.stopping, task_status=task_status)
        support.cancel_scope.cancel()


async def worker(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Restart what the journal names. Nothing is read from it before the cluster has been listed once."""
    from krt.cluster.events import EventWriter
    from krt.cluster.open import open_cluster
    from krt.worker.restart import Rules
    from krt.worker.role import Bounds, work
    from krt.worker.take import Matching

    settings, told = daemon.settings, daemon.settings.cluster
    assert told is not None, "the role runs where its settings are"
    journal = Journal(daemon.broker, daemon.keys, group=_group(told), most_entries=settings.valkey.most_journal_entries)
    rollouts = Rollouts(daemon.broker, daemon.keys, group=_group(told), presence=_presence(told))
    rules = Rules(
        told.min_interval_seconds, told.max_event_age_seconds, told.require_opt_in, told.rollout_deadline_seconds
    )
    bounds = Bounds(told.parallel_patches, told.restarts_per_second, told.in_hand)
    calls_at_once = told.parallel_patches + _READING_CALLS
    async with (
        open_cluster(
            told.kubeconfig, kinds=told.kinds, namespaces=told.namespaces, calls_at_once=calls_at_once
        ) as cluster,
        subscribe(daemon.broker.endpoint, settings.valkey.channel) as channel,
        trio.open_nursery() as nursery,
    ):
        daemon.health.add("API server", lambda: "; ".join(cluster.problems()) or None)
        daemon.health.add(
            "index",
            lambda: None if cluster.fresh_at() > -inf else "index: not listed yet",
            lambda: f"{len(cluster.index)} workloads",
        )
        daemon.health.add(
            "Valkey channel",
            lambda: None if channel.connected else f"channel: {channel.problem or 'not subscribed yet'}",
        )
        task_status.started(())
        matching = Matching(cluster, settings.admission.admits, told.require_opt_in, told.max_event_age_seconds)
        metrics = daemon.metrics.worker
        metrics.watch_index(workloads=lambda: len(cluster.index), watch_ends=cluster.watch_ends)
        nursery.start_soon(_cancel_when_stopping, nursery.cancel_scope, daemon.stopping)
        events = EventWriter(cluster.api)
        nursery.start_soon(events.write)
        on_restart = events.restarted if told.kubernetes_events else None
        await claim_name(daemon.broker, daemon.keys, told.name, cluster.identity, replace=told.replace)
        await cluster.wait_listed()
        asked = (journal, rollouts, channel, cluster, matching)
        await work(*asked, rules, bounds, metrics=metrics, on_restart=on_restart)


async def admin(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Answer probes until the process has drained, and is cancelled then: `stopping` is what they are told of.

    Pages that somebody looks at end when the process begins to stop.
    """
    listener = Listener(
        address=daemon.settings.admin.listen,
        max_connections_per_peer=None,
        lifetime_seconds=None,
        close_every_answer=False,
        grace_seconds=1,
    )
    refusals = Refusals(daemon.metrics)
    app = build_admin(
        daemon.health,
        daemon.metrics,
        read_recent=RecentReports(daemon.broker, daemon.keys).read,
        refusals=refusals,
        about=About(daemon.settings.role, gethostname()),
        hosts=daemon.settings.admin.hosts,
        stopping=daemon.stopping,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refusals.keep)
        await serve(app, listener, stopping=trio.Event(), task_status=task_status)


def _roles(settings: Settings) -> Iterator[tuple[str, Role]]:
    if settings.web:
        yield "web", web
    if settings.cluster:
        yield "worker", worker


async def _until_stopping(
    name: str, role: Role, daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]
) -> None:
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(role, daemon)
        log.info("role_started", role=name, at=bound)
        task_status.started(bound)
    if not daemon.stopping.is_set():
        raise RuntimeError(f"the role {name} ended, and nobody had asked it to")


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
            await trio.sleep(_PING_SECONDS)  # others say that it is away
            continue
        if problems != said and (problems or said):
            log.warning("journal_not_durable", problems=problems) if problems else log.info("journal_durable")
        said = problems
        metrics.journal_durable(not problems)
        await trio.sleep(_DURABILITY_SECONDS)


async def _hear(signals: AsyncIterator[int], daemon: Daemon, starting: trio.CancelScope) -> None:
    signal = await anext(signals)
    log.info("stopping", signal=Signals(signal).name, grace_seconds=daemon.settings.process.grace_seconds)
    daemon.stopping.set()
    starting.cancel()


async def _cancel_when_stopping(scope: trio.CancelScope, stopping: trio.Event) -> None:
    await stopping.wait()
    scope.cancel()


def _group(told: ClusterSettings) -> str:
    """One consumer group for all workers that see the same workloads: others would take events that are not theirs."""
    scope = [sorted(told.namespaces), sorted(told.kinds), told.require_opt_in]
    return f"{told.name}:{sha256(repr(scope).encode()).hexdigest()[:8]}"


def _presence(told: ClusterSettings) -> Presence:
    return Presence(told.namespaces, told.kinds, told.require_opt_in, told.max_event_age_seconds)


def _warn_of_names(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        if rule.who.owner_id is None:
            log.warning(
                "policy_trusts_a_name",
                owner=rule.who.owner,
                problem="who takes the name over may call: give its id too, as in GITHUB_ALLOWED_ORG=acme@65",
            )


def _warn_of_registries(patterns: Iterable[ImagePattern]) -> None:
    for registry in dict.fromkeys(pattern.components[0] for pattern in patterns if pattern.is_registry):
        log.warning(
            "policy_admits_a_registry",
            registry=registry,
            problem="every image of it is admitted, whoever owns it: name an organisation, too, as in ghcr.io/acme/",
        )


def _phase(started: trio.Event, stopping: trio.Event) -> str | None:
    if stopping.is_set():
        return "stopping"
    return None if started.is_set() else "starting"


def _told_since(began: datetime) -> Tell:
    return lambda: f"running since {began:%Y-%m-%d %H:%M}"


def _told_of_keys(keys: KeyRing) -> str:
    return f"{keys.key_count()}, fetched {keys.age_seconds() // 60:g} min ago"


def _missing_keys(keys: KeyRing) -> str | None:
    try:
        keys.current()
    except KeysUnavailable:
        return f"keys: {keys.last_failure or 'not fetched yet'}"
    return None


async def _watch_broker(broker: Client, *, task_status: trio.TaskStatus[Callable[[], str | None]]) -> None:
    problem: str | None = "Valkey: not asked yet"
    task_status.started(lambda: problem)
    while True:
        try:
            await broker.call("PING")
            problem = None
        except BrokerUnavailable as error:
            problem = str(error)
        await trio.sleep(_PING_SECONDS)
