"""krt secrets: imports the values of an app, asks for their redelivery, and shows which Deployment has which."""

import argparse
from collections.abc import Callable, Mapping

from krt.cli.shared_flags import add_kubeconfig

_EPILOG = (
    "exit codes: 0 done; 1 the API server refused or did not answer in time; 2 bad input, or krt refuses: nothing was "
    "written"
)

_Run = Callable[[argparse.Namespace, Mapping[str, str]], int]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `secrets` to the commands of krt."""
    description = "The secrets of apps, which krt controller delivers to Deployments."
    parser = subparsers.add_parser(name, help=summary, description=description)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    _add_import(actions)
    _add_redeliver(actions)
    _add_status(actions)


def _add_import(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(
        actions,
        "import",
        "write keys and values from files into an app's Secret in the namespace of an environment",
        "Read keys and values from files, and write them into the Secret of APP in the namespace of an environment. "
        "Keys that no file names stay. No value is printed.",
        run_import,
    )
    _add_environment(parser, "the environment", required=True)
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        dest="files",
        action="append",
        required=True,
        help="dotenv, .json or .yaml; a folder, in which each file's name is a key; or - for standard input; may be "
        "repeated",
    )
    parser.add_argument(
        "--format", metavar="FORMAT", choices=("env", "json", "yaml"), help="the files' format (default: by the suffix)"
    )
    parser.add_argument("--replace", action="store_true", help="remove the keys that no file names")
    parser.add_argument("--dry-run", action="store_true", help="print what would change, and write nothing")
    _add_cluster(parser)


def _add_redeliver(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _add(
        actions,
        "redeliver",
        "deliver once more, though no value has changed",
        "Ask krt controller to deliver the values of APP once more. A delivery puts a changed strategy or reload into "
        "effect.",
        run_redeliver,
    )
    _add_environment(parser, "the environment (default: each of the App)", required=False)
    parser.add_argument(
        "--move", action="store_true", help="also where the namespace belonged to another environment before"
    )
    _add_cluster(parser)


def _add_status(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "status",
        help="show which Deployment has which values, and by which strategy and reload",
        description="Show for each Deployment that an App names which values it has, and by which strategy and reload. "
        "A digest names the values.",
        epilog=_EPILOG,
    )
    parser.set_defaults(run=run_status, environment="", namespace="")
    parser.add_argument("app", metavar="APP", nargs="?", default="", help="the App's name (default: every App)")
    _add_cluster(parser)


def run_import(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Import the values. Returns the exit code."""
    from krt.cli import secrets_import

    return secrets_import.run(args, environ)


def run_redeliver(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask for a redelivery. Returns the exit code."""
    from krt.cli import secrets_redeliver

    return secrets_redeliver.run(args, environ)


def run_status(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the status. Returns the exit code."""
    from krt.cli import secrets_status

    return secrets_status.run(args, environ)


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, description: str, run: _Run
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=description, epilog=_EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("app", metavar="APP", help="the App's name")
    return parser


def _add_environment(parser: argparse.ArgumentParser, what: str, *, required: bool) -> None:
    parser.add_argument("-e", "--environment", metavar="NAME", default="", required=required, help=what)
    parser.add_argument(
        "-n", "--namespace", metavar="NAME", default="", help="its namespace, if you may not list all namespaces"
    )


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FORMAT", choices=("text", "json"), default="text", help="text (default) or json"
    )
    cluster = parser.add_argument_group("cluster")
    add_kubeconfig(cluster)
    cluster.add_argument(
        "--timeout", metavar="DURATION", default="1m", help="how long the API server may take (default: 1m)"
    )
