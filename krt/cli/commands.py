"""The table of krt's commands, and the parser made from it. A command's module is imported only if it is needed."""

import argparse
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib import import_module

from krt import __version__
from krt.cli.parser import Parser
from krt.output import tell

_GROUPS = {
    "commands for a job, or for a person with a kubeconfig": {
        "notify": ("krt.cli.notify", "tell krt web, from a GitHub Actions job, that an image was pushed"),
        "publish": ("krt.cli.publish", "publish a file as a Secret, and restart the workloads that use it"),
        "unpublish": ("krt.cli.publish", "delete the Secret that krt publish made"),
        "apply": ("krt.cli.apply", "publish a file as a Secret, by the inputs of HybridOps' module"),
        "destroy": ("krt.cli.apply", "delete the Secret that krt apply published"),
        "artifact": ("krt.cli.artifact", "push a folder of Kubernetes manifests into a registry as a bundle"),
        "runtime": ("krt.cli.runtime", "print the values that a runtime takes from its clusters"),
        "bundle": (
            "krt.cli.fleet_bundle",
            "apply a bundle of instances to its clusters, one after another; or vet, print or delete it",
        ),
        "secrets": (
            "krt.cli.secrets",
            "import the secrets of apps, ask for their redelivery, and show which Deployment has which",
        ),
    },
    "commands for an operator": {
        "explain": ("krt.cli.explain", "say which workloads an event would restart, which not, and why"),
        "check-policy": ("krt.cli.check_policy", "say which rule admits an event, or why all refuse it"),
        "config": ("krt.cli.config", "show every setting, its value and its source"),
        "cluster": ("krt.cli.cluster", "list the clusters whose workers take events; forget a retired one"),
        "completion": ("krt.cli.completion", "print the script by which a shell completes krt's commands and flags"),
    },
    "commands that run in the cluster": {
        "web": ("krt.cli.roles", "accept events over HTTP"),
        "worker": ("krt.cli.roles", "restart the workloads that run the images of events"),
        "controller": ("krt.cli.roles", "install bundles, and repair their objects if somebody changes them"),
        "all": ("krt.cli.roles", "web and worker in one process; with --dev, also everything that they need"),
    },
}
COMMANDS = {name: row for group in _GROUPS.values() for name, row in group.items()}


def parser_for(command: str | None) -> Parser:
    """The parser with the arguments of this command, and only the names of the others."""
    return _parser({command} if command else frozenset())


def whole_parser() -> Parser:
    """The parser with the arguments of every command."""
    return _parser(COMMANDS.keys())


def _parser(wanted: AbstractSet[str]) -> Parser:
    parser = Parser(
        prog="krt",
        description=(
            "Restart the Kubernetes workloads that run an image just pushed by a GitHub Actions job. Deliver files, "
            "bundles of manifests, and app secrets."
        ),
        epilog="krt help COMMAND explains a command; krt version prints the version.",
        missing=f"; the commands are {', '.join(COMMANDS)}",
        groups={title: {name: row[1] for name, row in group.items()} for title, group in _GROUPS.items()},
    )
    parser.add_argument("--version", action="version", version=f"krt {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, (module, summary) in COMMANDS.items():
        if name in wanted:
            import_module(module).add_parser(subparsers, name, summary)
        else:
            subparsers.add_parser(name, help=summary)
    _add_words(subparsers)
    return parser


def _add_words(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add `krt help COMMAND` and `krt version`: many people try them before --help and --version."""
    helping = subparsers.add_parser("help", add_help=False)
    helping.add_argument("-h", "--help", action="store_true")  # `krt help --help` is krt's help
    helping.add_argument("words", metavar="COMMAND", nargs="*")
    helping.set_defaults(run=_run_help)
    subparsers.add_parser("version", description="Print the version of krt.").set_defaults(run=_run_version)


def _run_help(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    parser = parser_for(next(iter(args.words), None))
    for word in args.words:
        parser = parser.under(word)
    tell(parser.format_help().rstrip("\n"))
    return 0


def _run_version(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    tell(f"krt {__version__}")
    return 0
