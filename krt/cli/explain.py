"""krt explain: says which workloads an event would restart, which not, and why. It uses the user's own kubeconfig."""

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import trio

from krt.cli import explanation
from krt.cli.flags import add_part, given_flags
from krt.cli.roles import bad_input
from krt.cluster.workloads.survey import survey
from krt.core.announce import event as events
from krt.core.announce.event import Event
from krt.core.announce.image import split_tag
from krt.core.restart.explain import WorkerView, explain
from krt.errors import ClusterUnavailable, EventInvalid, SettingsInvalid
from krt.output import tell
from krt.settings.lookup import Lookup, load_lookup
from krt.settings.table import settings_of

_DESCRIPTION = (
    "Say which workloads an event would restart, which not, and why not. The command asks the cluster once, with your "
    "own kubeconfig, and changes nothing; it does not ask krt. Give it the settings of the worker in question, its "
    "policy included."
)
_EPILOG = "exit codes: 0 answered, whatever the answer is; 2 bad input, or the cluster does not answer"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `explain` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description=_DESCRIPTION, epilog=_EPILOG)
    parser.set_defaults(run=run)
    question = parser.add_argument_group("question")
    question.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE[:TAG]",
        help="the pushed image, such as ghcr.io/acme/shop:dev; without TAG, latest",
    )
    question.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")
    add_part(parser, "krt worker", settings_of(Lookup).values())


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the answer. Returns the exit code."""
    try:
        lookup, asked = _read(args, environ)
        kubeconfig = lookup.kubeconfig or _users_own(environ)
        found = trio.run(partial(survey, kubeconfig, kinds=lookup.kinds, namespaces=lookup.namespaces))
    except (SettingsInvalid, ClusterUnavailable) as error:
        return bad_input(error)
    view = WorkerView(lookup.namespaces, lookup.kinds, lookup.require_opt_in, lookup.policy, lookup.images)
    answers = [(event, explain(event, found.workloads, view)) for event in asked]
    if args.as_json:
        tell(json.dumps(explanation.document(found, view, answers), indent=2))
    else:
        tell(*explanation.lines(found, view, answers))
    return 0


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Lookup, list[Event]]:
    problems: list[str] = []
    lookup, asked = None, []
    try:
        lookup = load_lookup(given_flags(args), environ)
    except SettingsInvalid as error:
        problems.extend(error.problems)
    for text in args.images:
        try:
            asked.append(_event(text))
        except EventInvalid as error:
            problems.append(f"{text!a}: {error.problem}")
    if lookup is None or problems:
        raise SettingsInvalid(tuple(problems))
    return lookup, asked


def _event(text: str) -> Event:
    name, tag = split_tag(text)
    return events.build(name, [tag or "latest"])


def _users_own(environ: Mapping[str, str]) -> Path | None:
    """kubectl's default kubeconfig. None, which means the pod's service account, if that file does not exist."""
    path = Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"
    return path if path.is_file() else None
