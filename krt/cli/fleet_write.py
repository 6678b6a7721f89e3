"""krt bundle apply and delete: from the arguments to the exit code."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import trio

from krt.cli.cluster_bundles import add_bundle
from krt.cli.fleet import FAILED, Fleet, FleetUnavailable, read_fleet
from krt.cli.fleet_build import add_registry
from krt.cli.fleet_diff import Difference
from krt.cli.fleet_outcome import ClusterOutcome, FleetOutcome, InstanceOutcome, refusal
from krt.cli.fleet_plan import PlannedCluster, plan_fleet
from krt.cli.fleet_run import FleetRun
from krt.cli.publication_parser import asks_for_json
from krt.client import exits, step_files, summary
from krt.client.console import Console, plain, to_json
from krt.client.ending import Ending
from krt.client.interrupt import Interrupt, heard
from krt.core.fleet.refusals import FleetInvalid
from krt.delivery.instance_delivery import InstanceWishes
from krt.errors import OutputLost, SettingsInvalid
from krt.output import tell
from krt.settings.values import duration

TIMEOUT = "5m"


def add_writing(parser: argparse.ArgumentParser, *, is_removal: bool = False) -> None:
    """Add the arguments of apply, or of delete."""
    add_bundle(parser, timeout=TIMEOUT)
    run = parser.add_argument_group("run")
    run.add_argument("--dry-run", action="store_true", help="let the API servers judge the change, and write nothing")
    if not is_removal:
        add_registry(parser)
        run.add_argument(
            "--diff", action="store_true", help="print how objects would change, as --dry-run; Secrets' data are masked"
        )
    run.add_argument(
        "--overwrite-ownership",
        action="store_true",
        help="take over instances and objects that another bundle or owner has",
    )
    add_output(run)
    parser.set_defaults(diff=False, run=run_delete if is_removal else run_apply)


def tell_refusal(words: Sequence[str], message: str) -> None:
    """Print the JSON document about arguments that cannot be parsed, if the words ask for JSON."""
    if asks_for_json(words):
        with suppress(OutputLost):  # the sentence is on standard error already
            tell(to_json({"error": plain(message), **refusal(message)}))


def add_output(group: "argparse._ArgumentGroup") -> None:
    """Add the flag for the form of the result."""
    group.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="text, or json: one object on stdout, whatever the outcome (default: text)",
    )


def run_apply(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Apply the bundle. Returns the exit code."""
    return _run("apply", args, environ)


def run_delete(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Delete the bundle. Returns the exit code."""
    return _run("delete", args, environ)


def _run(verb: str, args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    console = fleet_console(args, environ)
    try:
        wishes = _wishes(args)
        fleet = read_fleet(args.runtime, args, environ)
        outcome = trio.run(_until_interrupted, verb, fleet, wishes, console, args, environ)
    except (FleetInvalid, SettingsInvalid) as error:
        console.fail(*error.problems, **refusal(*error.problems))
        return exits.REFUSED
    except FleetUnavailable as error:
        console.fail(str(error), **refusal(str(error)))
        return exits.FAILED
    return _tell(outcome, console, environ)


def _wishes(args: argparse.Namespace) -> InstanceWishes:
    try:
        seconds = duration(args.timeout)
    except ValueError as error:
        raise FleetInvalid(str(error)) from error
    return InstanceWishes(seconds, is_dry_run=args.dry_run or args.diff, takes_over=args.overwrite_ownership)


async def _until_interrupted(
    verb: str,
    fleet: Fleet,
    wishes: InstanceWishes,
    console: Console,
    args: argparse.Namespace,
    environ: Mapping[str, str],
) -> FleetOutcome:
    interrupt, outcome = Interrupt(), FleetOutcome(verb, [], is_dry_run=wishes.is_dry_run)
    with heard(interrupt), interrupt.scope:
        planned = await plan_fleet(fleet, args, environ, is_removal=verb == "delete")
        outcome.clusters = [_outcome(each, is_removal=verb == "delete") for each in planned]
        if args.diff:
            wishes = replace(wishes, compared=Difference(console, outcome).note)
        await FleetRun(outcome, wishes, console).run()
    if interrupt.scope.cancelled_caught:
        outcome.interrupt(interrupt.by)
    return outcome


def _outcome(planned: PlannedCluster, *, is_removal: bool) -> ClusterOutcome:
    instances = [InstanceOutcome(each) for each in planned.instances]
    return ClusterOutcome(planned, instances[::-1] if is_removal else instances)


def _tell(outcome: FleetOutcome, console: Console, environ: Mapping[str, str]) -> int:
    sentences = outcome.problems or [outcome.sentence()]
    if outcome.clusters:
        _summarise(outcome, sentences, console, environ)
    if outcome.code == exits.DONE:
        return exits.DONE if console.result(outcome.document(), *sentences) else FAILED
    console.fail(*sentences, **outcome.document())
    return outcome.code


def _summarise(outcome: FleetOutcome, sentences: Sequence[str], console: Console, environ: Mapping[str, str]) -> None:
    page = environ.get("GITHUB_STEP_SUMMARY") if environ.get("GITHUB_ACTIONS") else None
    if not page:
        return
    ending = Ending(outcome.code, sentences[0], outcome.report(), tuple(sentences[1:]))
    title = f"bundle {outcome.clusters[0].planned.bundle}"
    try:
        step_files.append(Path(page), summary.markdown(ending, title))
    except OSError as error:
        console.warn(f"no job summary was written: {error.strerror}")


def fleet_console(args: argparse.Namespace, environ: Mapping[str, str]) -> Console:
    """The console of a command about bundles."""
    github = bool(environ.get("GITHUB_ACTIONS"))
    animated = sys.stderr.isatty() and not github and environ.get("TERM") not in {"dumb", "unknown"}
    return Console(
        sys.stdout,
        sys.stderr,
        github=github,
        as_json=args.output == "json",
        animated=animated,
        command=f"krt {args.command}",
    )
