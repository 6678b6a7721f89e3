"""krt bundle vet: says whether a bundle of instances is right with the values of each cluster. It only reads."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import trio
import yaml

from krt.cli.fleet import ClusterFailed, add_clusters, read_fleet, refused
from krt.cli.instance_files import instance_files
from krt.cli.roles import bad_input
from krt.core.cue.evaluate import evaluate
from krt.core.cue.nodes import CueDocument
from krt.core.cue.refusals import CueRefused
from krt.core.cue.result import JsonValue
from krt.core.fleet.bundle import FleetBundle, read_bundle
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.inject import inject
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import RuntimeCluster
from krt.core.fleet.variables import environment_variables, variables_of
from krt.errors import SettingsInvalid
from krt.output import say, tell

VALID, FAILED = 0, 1

_SUMMARY = "say whether a bundle is right, with the values of each selected cluster"
_DESCRIPTION = (
    "Read the Bundle in FILE, put the values of the runtime and of the environment into it for each selected cluster, "
    "and say whether the result is right. Nothing is written to a cluster; no module is pulled."
)
_EPILOG = (
    "Exit codes: 0 the bundle is right for each cluster; 1 a cluster refuses or does not answer; 2 the bundle is "
    "wrong or incomplete, or other bad input."
)


@dataclass(frozen=True, slots=True)
class _Vetted:
    cluster: RuntimeCluster
    bundle: FleetBundle
    shown: JsonValue


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `bundle` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description="Work with bundles of instances of modules.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    vet = actions.add_parser("vet", help=_SUMMARY, description=_DESCRIPTION, epilog=_EPILOG)
    vet.set_defaults(run=run_vet)
    vet.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        dest="files",
        action="append",
        required=True,
        help="the bundle: .cue, .yaml or .json, or - for CUE on standard input; several files are merged",
    )
    vet.add_argument("--print-value", action="store_true", help="print the bundle with its values, as YAML")
    vet.add_argument(
        "--show-secrets",
        action="store_true",
        help="print values out of Secrets and of the environment (default: ***)",
    )
    vet.add_argument(
        "--runtime",
        metavar="FILE",
        action="append",
        default=[],
        help="the runtime whose values fill the bundle's fields; may be repeated (default: none)",
    )
    vet.add_argument(
        "--runtime-from-env", action="store_true", help="fill fields from environment variables of the same names, too"
    )
    add_clusters(vet)


def run_vet(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Vet the bundle. Returns the exit code."""
    try:
        documents = instance_files(args.files)
        environment = environment_variables(environ) if args.runtime_from_env else {}
        found = trio.run(read_fleet(args.runtime, args, environ).values) if args.runtime else [(RuntimeCluster(), {})]
        vetted = [_vet(documents, environment, *each, shows_secrets=args.show_secrets) for each in found]
    except (FleetInvalid, SettingsInvalid) as error:
        return bad_input(refused(error))
    except ClusterFailed as error:
        say(sys.stderr, f"krt: {error}")
        return FAILED
    for each in vetted:
        tell(*(_value(each) if args.print_value else [_sentence(each)]))
    return VALID


def _vet(
    documents: list[CueDocument],
    environment: Mapping[str, RuntimeVariable],
    cluster: RuntimeCluster,
    values: Mapping[str, RuntimeVariable],
    *,
    shows_secrets: bool,
) -> _Vetted:
    variables = variables_of(environment, values, cluster)
    try:
        result = evaluate(*(inject(each, variables) for each in documents))
        bundle = read_bundle(result.value, result.unordered)
    except CueRefused as error:
        raise FleetInvalid(f"{_where(cluster)}{error}") from None
    except FleetInvalid as error:
        raise FleetInvalid(*(f"{_where(cluster)}{each}" for each in error.problems)) from None
    return _Vetted(cluster, bundle, result.value if shows_secrets else result.masked)


def _where(cluster: RuntimeCluster) -> str:
    return f"{cluster}: " if cluster.name else ""


def _sentence(vetted: _Vetted) -> str:
    names = ", ".join(each.name for each in vetted.bundle.instances)
    return f"{_where(vetted.cluster)}bundle {vetted.bundle.name} is right; instances in this order: {names}"


def _value(vetted: _Vetted) -> list[str]:
    shown = vetted.shown
    assert isinstance(shown, dict)
    title = f"--- # {vetted.cluster}" if vetted.cluster.name else "---"
    text = yaml.safe_dump({"bundle": shown["bundle"]}, sort_keys=False, allow_unicode=True, width=1000)
    return [title, *text.rstrip("\n").split("\n")]
