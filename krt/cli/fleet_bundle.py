"""krt bundle: vets a bundle of instances with the values of each cluster, and prints its objects. It only reads."""

import argparse
import sys
from collections.abc import Callable, Mapping

from krt.cli.cluster_bundles import ClusterBundle, add_bundle, cluster_bundles
from krt.cli.fleet import ClusterFailed, refused
from krt.cli.fleet_build import ModulesUnavailable, add_registry, built
from krt.cli.roles import bad_input
from krt.core.bundle.yaml_text import yaml_lines
from krt.core.fleet.refusals import FleetInvalid
from krt.errors import SettingsInvalid
from krt.output import say, tell

DONE, FAILED = 0, 1

_VET = "say whether a bundle is right, with the values of each selected cluster"
_VET_DESCRIPTION = (
    "Read the Bundle in FILE, put the values of the runtime and of the environment into it for each selected cluster, "
    "and say whether the result is right. Nothing is written to a cluster; no module is pulled."
)
_VET_EPILOG = (
    "Exit codes: 0 the bundle is right for each cluster; 1 a cluster refuses or does not answer; 2 the bundle is "
    "wrong or incomplete, or other bad input."
)
_BUILD = "print the objects of a bundle's instances, for each selected cluster"
_BUILD_DESCRIPTION = (
    "Vet the Bundle in FILE, pull the module of each instance, and print the objects as YAML. Nothing is written to a "
    "cluster. A module is a plain bundle, as `krt artifact push` makes it."
)
_BUILD_EPILOG = (
    "DOCKER_CONFIG names the folder of docker's config.json (default: ~/.docker). Exit codes: 0 printed; 1 a cluster "
    "or registry refuses or does not answer; 2 the bundle or a module is wrong, or other bad input."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `bundle` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description="Work with bundles of instances of modules.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    vet = actions.add_parser("vet", help=_VET, description=_VET_DESCRIPTION, epilog=_VET_EPILOG)
    vet.set_defaults(run=run_vet)
    add_bundle(vet)
    vet.add_argument("--print-value", action="store_true", help="print the bundle with its values, as YAML")
    vet.add_argument(
        "--show-secrets",
        action="store_true",
        help="print values out of Secrets and of the environment (default: ***)",
    )
    build = actions.add_parser("build", help=_BUILD, description=_BUILD_DESCRIPTION, epilog=_BUILD_EPILOG)
    build.set_defaults(run=run_build)
    add_bundle(build)
    add_registry(build)


def run_vet(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Vet the bundle. Returns the exit code."""

    def vet() -> list[str]:
        found = cluster_bundles(args, environ)
        if not args.print_value:
            return [_sentence(each) for each in found]
        return [line for each in found for line in _value(each, shows_secrets=args.show_secrets)]

    return _run(vet)


def run_build(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the objects of the bundle. Returns the exit code."""
    return _run(lambda: built(cluster_bundles(args, environ), args, environ))


def _run(lines: Callable[[], list[str]]) -> int:
    try:
        found = lines()
    except (FleetInvalid, SettingsInvalid) as error:
        return bad_input(refused(error))
    except (ClusterFailed, ModulesUnavailable) as error:
        say(sys.stderr, f"krt: {error}")
        return FAILED
    tell(*found)
    return DONE


def _sentence(found: ClusterBundle) -> str:
    names = ", ".join(each.name for each in found.bundle.instances)
    return f"{found.title}bundle {found.bundle.name} is right; instances in this order: {names}"


def _value(found: ClusterBundle, *, shows_secrets: bool) -> list[str]:
    shown = found.value if shows_secrets else found.masked
    assert isinstance(shown, dict)
    title = f"--- # {found.cluster}" if found.cluster.name else "---"
    return [title, *yaml_lines({"bundle": shown["bundle"]})]
