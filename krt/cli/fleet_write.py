"""krt bundle apply and delete: from the arguments to the exit code."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import trio

from krt.cli.cluster_bundles import add_bundle
from krt.cli.consoles import summary_page
from krt.cli.fleet import Fleet, read_fleet
from krt.cli.fleet_build import add_registry
from krt.cli.fleet_diff import Difference
from krt.cli.fleet_end import ended
from krt.cli.fleet_outcome import ClusterOutcome, FleetOutcome, InstanceOutcome
from krt.cli.fleet_plan import PlannedCluster, plan_fleet
from krt.cli.fleet_run import FleetRun
from krt.cli.shared_flags import add_output
from krt.client import exits, step_files, summary
from krt.client.console import Console
from krt.client.ending import Ending
from krt.client.interrupt import Interrupt, heard
from krt.core.fleet.refusals import FleetInvalid
from krt.delivery.instance_delivery import InstanceWishes
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


def run_apply(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Apply the bundle. Returns the exit code."""
    return _run("apply", args, environ)


def run_delete(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Delete the bundle. Returns the exit code."""
    return _run("delete", args, environ)


def _run(verb: str, args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    def carry_out(console: Console) -> int:
        wishes = _wishes(args)
        fleet = read_fleet(args.runtime, args, environ)
        return _tell(trio.run(_until_interrupted, verb, fleet, wishes, console, args, environ), console, environ)

    return ended(args, environ, carry_out)


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
        return exits.DONE if console.result(outcome.document(), *sentences) else exits.FAILED
    console.fail(*sentences, **outcome.document())
    return outcome.code


def _summarise(outcome: FleetOutcome, sentences: Sequence[str], console: Console, environ: Mapping[str, str]) -> None:
    page = summary_page(environ)
    if not page:
        return
    ending = Ending(outcome.code, sentences[0], outcome.report(), tuple(sentences[1:]))
    title = f"bundle {outcome.clusters[0].planned.bundle}"
    try:
        step_files.append(page, summary.markdown(ending, title))
    except OSError as error:
        console.warn(f"no job summary was written: {error.strerror}")
