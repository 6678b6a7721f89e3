"""krt cluster: lists the clusters whose workers have used this Valkey, and forgets a retired one."""

import argparse
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import trio

from krt.broker.client import Client, open_client
from krt.broker.clusters import Forgotten, forget, seen_clusters
from krt.broker.keys import Keys
from krt.cli.columns import columns
from krt.cli.flags import add_part, given_flags
from krt.cli.roles import bad_input
from krt.core.report.presence import Presence, Seen, cluster_of
from krt.errors import BrokerRefused, BrokerUnavailable, SettingsInvalid
from krt.output import tell
from krt.settings.load import load_valkey
from krt.settings.parts import ValkeySettings
from krt.settings.table import settings_of

_OPERATOR = (
    "krt's users.acl lets only krt-operator forget a cluster, and disables that user: "
    'docs/operations.md has the commands to enable it and to sign in ("a cluster is retired")'
)
_DENIED = f"this user of Valkey may not forget a cluster; {_OPERATOR}"
_OF_DAEMONS = {"channel", "most_journal_entries"}  # fields of ValkeySettings that this command does not use


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `cluster` to the commands of krt."""
    description = "The clusters whose workers take events from this Valkey."
    parser = subparsers.add_parser(name, help=summary, description=description)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser(
        "list",
        help="every cluster, and when its workers were last seen",
        description="List the clusters whose workers have used this Valkey, and when they were last seen.",
        epilog="exit codes: 0 listed; 2 bad input, or Valkey refused or did not answer",
    )
    listing.add_argument("--json", dest="as_json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    dropping = actions.add_parser(
        "forget",
        help="drop a cluster that is retired: no event waits for it any more",
        description=(
            "Drop a cluster whose workers are gone for good. Events no longer wait for it, nobody finishes the work "
            "that its workers left, and its name is free."
        ),
        epilog=(
            "exit codes: 0 forgotten; 2 no such cluster, its workers live, bad input, or Valkey refused or did not "
            "answer"
        ),
    )
    dropping.add_argument("name", metavar="NAME", help="the cluster's name, as KRT_CLUSTER had it")
    dropping.set_defaults(run=run_forget)
    rows = [row for field, row in settings_of(ValkeySettings).items() if field not in _OF_DAEMONS]
    for action in (listing, dropping):
        add_part(action, "Valkey", rows)


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the clusters. Returns the exit code."""
    try:
        seen = trio.run(_list, load_valkey(given_flags(args), environ))
    except (SettingsInvalid, BrokerUnavailable) as error:
        return bad_input(error)
    groups = sorted(seen.groups)
    if args.as_json:
        tell(json.dumps([_entry(group, seen) for group in groups], indent=2))
    elif groups:
        tell(*columns(("CLUSTER", "STATE", "LAST SEEN", "SEES"), (_row(group, seen) for group in groups)))
    else:
        tell("no krt worker has used this Valkey yet, or every cluster has been forgotten")
    return 0


def run_forget(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Drop the cluster. Returns the exit code."""
    try:
        done = trio.run(_forget, load_valkey(given_flags(args), environ), args.name)
    except BrokerRefused as error:
        return bad_input(SettingsInvalid((_refused(error),)))
    except (SettingsInvalid, BrokerUnavailable) as error:
        return bad_input(error)
    match done:
        case Forgotten.YES:
            tell(f"forgotten: {args.name}")
            return 0
        case Forgotten.UNKNOWN:
            return bad_input(SettingsInvalid((f"there is no cluster {args.name!a}: see krt cluster list",)))
        case Forgotten.ALIVE:
            problem = f"workers of {args.name!a} were alive within the last minute: stop them first"
            return bad_input(SettingsInvalid((problem,)))
        case Forgotten.DENIED:
            return bad_input(SettingsInvalid((_DENIED,)))


async def _list(valkey: ValkeySettings) -> Seen:
    async with open_client(valkey.endpoint()) as client:
        return await seen_clusters(client, Keys(valkey.key_prefix))


async def _forget(valkey: ValkeySettings, name: str) -> Forgotten:
    client: Client
    async with open_client(valkey.endpoint()) as client:
        return await forget(client, Keys(valkey.key_prefix), name)


def _refused(error: BrokerRefused) -> str:
    """The sentence for a refusal. NOPERM's own text is left out: it proposes a grant that this user should not have."""
    match error.code:
        case "NOPERM":
            return _DENIED
        case "WRONGPASS":
            return f"{error}; {_OPERATOR}"
        case _:
            return str(error)


def _row(group: str, seen: Seen) -> Iterable[str]:
    last = seen.groups[group].last
    ago = f"{_time(last)} ({_spoken(seen.now - last)} ago)"
    return cluster_of(group), _state(group, seen), ago, _sees(seen.groups[group].presence)


def _state(group: str, seen: Seen) -> str:
    if seen.groups[group].presence.left:
        return "left"
    return "silent" if seen.is_silent(group) else "alive"


def _entry(group: str, seen: Seen) -> dict[str, Any]:
    sighting = seen.groups[group]
    presence = sighting.presence
    return {
        "name": cluster_of(group),
        "alive": _state(group, seen) == "alive",
        "left": presence.left,
        "seen_at": _time(sighting.last),
        "namespaces": list(presence.namespaces),
        "kinds": list(presence.kinds),
        "require_opt_in": presence.require_opt_in,
    }


def _sees(presence: Presence) -> str:
    where = ", ".join(presence.namespaces) or "all namespaces"
    return f"{', '.join(presence.kinds)} in {where}{', opted in' if presence.require_opt_in else ''}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _spoken(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
