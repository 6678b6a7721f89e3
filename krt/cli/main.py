"""Parses the command line and runs the command. Only the module of that command is imported."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from krt import __version__
from krt.cli.parser import Parser
from krt.errors import OutputLost
from krt.output import tell

LOST, INTERRUPTED = 1, 130

_COMMANDS = {
    "web": ("krt.cli.roles", "accept events over HTTP"),
    "worker": ("krt.cli.roles", "restart the workloads that events name"),
    "all": ("krt.cli.roles", "both in one process; with --dev, everything they need as well"),
    "notify": ("krt.cli.notify", "tell krt web, from a GitHub Actions job, that an image was pushed"),
    "explain": ("krt.cli.explain", "say which workloads an event would restart, which not, and why"),
    "cluster": ("krt.cli.cluster", "list the clusters whose workers take events; forget a retired one"),
    "check-policy": ("krt.cli.check_policy", "say which rule admits an event, or what refuses it"),
    "config": ("krt.cli.config", "show every setting, its value and its source"),
}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command that `argv` names. Returns the exit code. Raises SystemExit(2) for bad arguments."""
    _fill_streams()
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # else Python prints log lines without fields
    words = sys.argv[1:] if argv is None else argv
    try:
        args = _parser(next((word for word in words if not word.startswith("-")), None)).parse_args(words)
        code: int = args.run(args, os.environ if environ is None else environ)
    except OutputLost as error:
        print(f"krt: standard output: {error}", file=sys.stderr)
        return LOST
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseExceptionGroup as group:
        if group.split(KeyboardInterrupt)[1]:
            raise
        return INTERRUPTED
    return code


def _fill_streams() -> None:
    """Open /dev/null for each closed standard stream. Python has None for it, and a socket would get its descriptor."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def _parser(command: str | None) -> Parser:
    parser = Parser(
        prog="krt",
        description="Restart the Kubernetes workloads that run an image that a GitHub Actions job has just pushed.",
        epilog="krt help COMMAND explains a command; krt version prints the version.",
        missing=f"; the commands are {', '.join(_COMMANDS)}",
    )
    parser.add_argument("--version", action="version", version=f"krt {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, (module, summary) in _COMMANDS.items():
        if name == command:
            import_module(module).add_parser(subparsers, name)
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
    parser = _parser(next(iter(args.words), None))
    for word in args.words:
        parser = parser.under(word)
    tell(parser.format_help().rstrip("\n"))
    return 0


def _run_version(_args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    tell(f"krt {__version__}")
    return 0
