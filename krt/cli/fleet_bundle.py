"""krt bundle: vets a bundle with the values of each cluster, prints its objects, applies and deletes it."""

import argparse
from collections.abc import Mapping

from krt.cli.cluster_bundles import ClusterBundle, add_bundle, cluster_bundles
from krt.cli.fleet import printed
from krt.cli.fleet_build import add_registry, built
from krt.cli.fleet_end import refused
from krt.cli.fleet_status import add_status
from krt.cli.fleet_write import add_writing
from krt.core.bundle.yaml_text import yaml_lines

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
    "cluster. A module is a plain bundle, as `krt artifact push` makes it, or a CUE module: it needs the program `cue`."
)
_BUILD_EPILOG = (
    "KRT_CUE is the path of cue (default: cue on PATH). DOCKER_CONFIG names the folder of docker's config.json "
    "(default: ~/.docker). Exit codes: 0 printed; 1 a cluster "
    "or registry refuses or does not answer; 2 the bundle or a module is wrong, or other bad input."
)
_APPLY = "apply a bundle to each selected cluster, in order"
_APPLY_DESCRIPTION = (
    "Apply the instances of the Bundle in FILE, in the order of their definition, to each selected cluster, in the "
    "order of the runtime. Each instance is ready before the next one begins. The first failure ends the run. Before "
    "the first write krt looks at all selected clusters, reads their values, and pulls the modules."
)
_DELETE = "delete the instances of a bundle from each selected cluster"
_DELETE_DESCRIPTION = (
    "Delete the instances of the Bundle in FILE, the last one first, from each selected cluster in the order of the "
    "runtime. The namespaces of the instances stay."
)
_STATUS = "print how the objects of a bundle are, on each selected cluster"
_STATUS_DESCRIPTION = (
    "Print the objects of each instance of the Bundle in FILE with their states, on each selected cluster. The objects "
    "are those that krt has applied. Nothing is written to a cluster; no module is pulled."
)
_STATUS_EPILOG = (
    "Exit codes: 0 each instance is installed, and each object is current; 1 one is not, or a cluster refuses or does "
    "not answer; 2 bad input."
)
_WRITE_EPILOG = (
    "Exit codes: 0 done; 1 a cluster or registry refuses or does not answer, or an instance is not ready in time; 2 "
    "bad input, and nothing was written to any cluster; 130 interrupted (SIGINT), 143 by SIGTERM, 129 by SIGHUP. After "
    "any of them the same command continues."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `bundle` to the commands of krt."""
    parser = subparsers.add_parser(name, help=summary, description="Work with bundles of instances of modules.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    vet = actions.add_parser("vet", help=_VET, description=_VET_DESCRIPTION, epilog=_VET_EPILOG)
    vet.set_defaults(run=run_vet)
    add_bundle(vet)
    vet.add_argument("--print-value", action="store_true", help="print the bundle with its values, as YAML")
    _add_show_secrets(vet)
    build = actions.add_parser("build", help=_BUILD, description=_BUILD_DESCRIPTION, epilog=_BUILD_EPILOG)
    build.set_defaults(run=run_build)
    add_bundle(build)
    add_registry(build)
    _add_show_secrets(build)
    add_writing(
        actions.add_parser("apply", refused=refused, help=_APPLY, description=_APPLY_DESCRIPTION, epilog=_WRITE_EPILOG)
    )
    delete = actions.add_parser(
        "delete", refused=refused, help=_DELETE, description=_DELETE_DESCRIPTION, epilog=_WRITE_EPILOG
    )
    add_writing(delete, is_removal=True)
    add_status(
        actions.add_parser(
            "status", refused=refused, help=_STATUS, description=_STATUS_DESCRIPTION, epilog=_STATUS_EPILOG
        )
    )


def _add_show_secrets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--show-secrets",
        action="store_true",
        help="print values out of Secrets and of the environment (default: ***)",
    )


def run_vet(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Vet the bundle. Returns the exit code."""

    def vet() -> list[str]:
        found = cluster_bundles(args, environ)
        if not args.print_value:
            return [_sentence(each) for each in found]
        return [line for each in found for line in _value(each, shows_secrets=args.show_secrets)]

    return printed(vet)


def run_build(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the objects of the bundle. Returns the exit code."""
    return printed(lambda: built(cluster_bundles(args, environ), args, environ))


def _sentence(found: ClusterBundle) -> str:
    names = ", ".join(each.name for each in found.bundle.instances)
    return f"{found.cluster.title}bundle {found.bundle.name} is right; instances in this order: {names}"


def _value(found: ClusterBundle, *, shows_secrets: bool) -> list[str]:
    shown = found.value if shows_secrets else found.masked
    assert isinstance(shown, dict)
    title = f"--- # {found.cluster}" if found.cluster.name else "---"
    return [title, *yaml_lines({"bundle": shown["bundle"]})]
