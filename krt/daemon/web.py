"""The role that accepts events: wires krt.web, krt.oidc, krt.broker and krt.serving together."""

from collections.abc import Callable
from functools import partial

import trio

from krt.broker.accept import Acceptor
from krt.broker.channel import subscribe
from krt.broker.client import Client
from krt.broker.reports import Reports
from krt.core.caller.policy import Rule, any_branch, leaves_branches_open
from krt.daemon.shared import Daemon
from krt.errors import BrokerUnavailable, KeysUnavailable
from krt.logs import Log
from krt.oidc.caller import identify
from krt.oidc.keys import KeyRing, key_ring_of
from krt.serving.address import Address
from krt.serving.http import serve
from krt.serving.listener import Listener
from krt.web.app import build_app
from krt.web.call import Intake
from krt.web.denials import DenialLog
from krt.web.drift import Drift
from krt.web.gate import gate_of
from krt.web.limit import RateLimit
from krt.web.requests import RequestLog
from krt.web.status import ReportDesk
from krt.web.watch import ReportWatch

log = Log("daemon")

_PING_SECONDS = 5.0


async def web(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Accept events until `stopping`. As long as krt has no keys of the issuer, it answers 503 with Retry-After."""
    settings, web_settings = daemon.settings, daemon.settings.web
    assert web_settings is not None, "the role runs only with its settings"
    keys = await key_ring_of(
        web_settings.issuer.url, proxy=web_settings.issuer_proxy, ca_file=web_settings.issuer_ca_file
    )
    acceptor = Acceptor(
        daemon.broker, daemon.keys, channel=settings.valkey.channel, most_entries=settings.valkey.most_journal_entries
    )
    metrics, denials, rules = daemon.metrics.web, DenialLog(), settings.rules()
    metrics.watch_keys(count=keys.key_count, age_seconds=keys.age_seconds, fetches=keys.fetches)
    requests = RequestLog(metrics, denials)
    intake = Intake(RateLimit(), acceptor.accept, Drift(), metrics)
    desk = ReportDesk(Reports(daemon.broker, daemon.keys).read, ReportWatch(web_settings.max_waiting, daemon.stopping))
    who = partial(identify, ring=keys, issuer=web_settings.issuer.url, audience=web_settings.audience)
    listener = Listener(
        address=web_settings.listen,
        max_connections=daemon.room.public,
        trusted_proxies=web_settings.trusted_proxies,
        grace_seconds=settings.process.grace_seconds,
        on_denied=requests.denied,
        on_count=metrics.connections_open,
        gate=gate_of(who, rules, requests),
    )
    _warn_of_names(rules)
    _warn_of_branches(rules)
    reports_channel = subscribe(daemon.broker.endpoint, daemon.keys.reports_channel)
    async with reports_channel as reports, trio.open_nursery() as support:
        support.start_soon(desk.watch.hear, reports)
        support.start_soon(desk.watch.end_when_stopping)
        await support.start(keys.keep_fresh)
        support.start_soon(denials.tell_counts)
        daemon.health.add("connections", lambda: listener.shortage.problem)
        daemon.health.add("keys", lambda: _missing_keys(keys), lambda: _summary_of_keys(keys))
        daemon.health.add("Valkey", await support.start(_watch_broker, daemon.broker))
        await serve(build_app(intake, desk, requests), listener, stopping=daemon.stopping, task_status=task_status)
        support.cancel_scope.cancel()


def _warn_of_names(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        if rule.who.owner_id is None:
            log.warning(
                "policy_trusts_a_name",
                owner=rule.who.owner,
                problem="an account that takes over the name may call: give the id, as in GITHUB_ALLOWED_ORG=acme@65",
            )


def _warn_of_branches(rules: tuple[Rule, ...]) -> None:
    found = [rule for rule in rules if leaves_branches_open(rule)]
    if found:  # one line, however many rules there are
        log.warning(
            "policy_admits_any_branch",
            rule=found[0].number,
            who=str(found[0].who),
            rules=len(found),
            problem=any_branch(found[0]),
        )


def _summary_of_keys(keys: KeyRing) -> str:
    return f"{keys.key_count()}, fetched {keys.age_seconds() // 60:g} min ago"


def _missing_keys(keys: KeyRing) -> str | None:
    try:
        keys.current()
    except KeysUnavailable:
        return f"keys: {keys.last_failure or 'not fetched yet'} ({keys.url})"
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
