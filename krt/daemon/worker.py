"""The role that restarts workloads: wires krt.worker, krt.cluster and krt.broker together."""

from functools import partial
from math import inf

import trio

from krt.broker.channel import subscribe
from krt.broker.clusters import claim_name
from krt.broker.journal import ValkeyJournal
from krt.broker.rollouts import ValkeyRollouts
from krt.cluster.workloads.events import EventWriter
from krt.cluster.workloads.open import open_cluster
from krt.core.caller.admission import refusal
from krt.core.report.presence import Presence, group_name
from krt.daemon.memory import settle
from krt.daemon.room import READING_CALLS
from krt.daemon.shared import Daemon
from krt.serving.address import Address
from krt.settings.parts import ClusterSettings
from krt.worker import chores
from krt.worker.restart import Rules
from krt.worker.role import Around, Bounds, work
from krt.worker.stalls import Stalls
from krt.worker.take import Matching


async def worker(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Restart the workloads that run the images of journaled events. First the cluster is listed once."""
    settings, cluster_settings = daemon.settings, daemon.settings.cluster
    assert cluster_settings is not None, "the role runs only with its settings"
    assert settings.kubernetes is not None, "the role runs only with its settings"
    presence = presence_of(cluster_settings)
    name, group = cluster_settings.name, group_name(cluster_settings.name, presence)
    journal = ValkeyJournal(daemon.broker, daemon.keys, group=group, most_entries=settings.valkey.most_journal_entries)
    rollouts = ValkeyRollouts(daemon.broker, daemon.keys, group=group, presence=presence)
    rules = Rules(
        cluster_settings.min_interval_seconds,
        cluster_settings.max_event_age_seconds,
        cluster_settings.rollout_deadline_seconds,
    )
    bounds = Bounds(cluster_settings.parallel_patches, cluster_settings.restarts_per_second, cluster_settings.in_hand)
    calls_at_once = cluster_settings.parallel_patches + READING_CALLS
    async with (
        open_cluster(
            settings.kubernetes.kubeconfig,
            kinds=cluster_settings.kinds,
            namespaces=cluster_settings.namespaces,
            calls_at_once=calls_at_once,
            on_growth=settle,
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
        claimed = trio.Event()
        daemon.health.add("cluster", lambda: None if claimed.is_set() else f"cluster: {name} is not claimed yet")
        task_status.started(())
        stalls = Stalls()
        daemon.health.add("progress", stalls.problem)
        refuses = partial(refusal, policy=settings.admission.policy, images=settings.admission.images)
        matching = Matching(cluster, refuses, cluster_settings.require_opt_in, cluster_settings.max_event_age_seconds)
        metrics = daemon.metrics.worker
        metrics.watch_index(workloads=lambda: len(cluster.index), watch_ends=cluster.watch_ends)
        nursery.start_soon(_cancel_when_stopping, nursery.cancel_scope, daemon.stopping)
        nursery.start_soon(chores.tidy, journal)  # before the first write: only trimming makes room in a full Valkey
        events = EventWriter(cluster.transport)
        nursery.start_soon(events.write)
        on_restart = events.restarted if cluster_settings.kubernetes_events else None
        await cluster.wait_listed()
        identity = await cluster.identity()
        await claim_name(daemon.broker, daemon.keys, name, identity, replace=cluster_settings.replace)
        claimed.set()
        around = Around(journal, rollouts, channel, cluster)
        await work(around, matching, rules, bounds, metrics=metrics, stalls=stalls, on_restart=on_restart)
    if claimed.is_set():  # only an orderly stop gets here; a crash or a cut raises
        await chores.leave(rollouts)


def presence_of(settings: ClusterSettings) -> Presence:
    """The presence that workers with these settings write to Valkey."""
    return Presence(settings.namespaces, settings.kinds, settings.require_opt_in, settings.max_event_age_seconds)


async def _cancel_when_stopping(scope: trio.CancelScope, stopping: trio.Event) -> None:
    await stopping.wait()
    scope.cancel()
