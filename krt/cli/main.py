"""The command line: which command is meant. Only that one's module is imported."""

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

LOST, INTERRUPTED = 1, 130

_COMMANDS = {
    "web": ("krt.cli.roles", "accept events over HTTP"),
    "worker": ("krt.cli.roles", "restart the workloads that events name"),
    "all": ("krt.cli.roles", "both in one process; with --dev, everything they need as well"),
    "notify": ("krt.cli.notify", "tell krt web, from a GitHub Actions job, that an image was pushed"),
    "explain": ("krt.cli.explain", "say which workloads an event would restart, which not, and why"),
    "cluster": ("krt.cli.cluster", "list the clusters whose workers take events; forget a retired one"),
    "check-policy": ("krt.cli.check_policy", "say which rule admits an event, or what refuses it"),
    "config": ("krt.cli.config", "show every setting in force and where it came from"),
}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command that `argv` names; the exit code. Bad arguments end in SystemExit(2), as argparse does it."""
    _fill_streams()
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # Python's last resort is a bare line without its fields
    words = _as_flags(list(sys.argv[1:] if argv is None else argv))
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


def _as_flags(words: list[str]) -> list[str]:
    """`krt help`, `krt help COMMAND` and `krt version`, which people try first, as the flags that they stand for."""
    match words:
        case ["help", *rest]:
            return [*(word for word in rest if not word.startswith("-")), "--help"]
        case ["version"]:
            return ["--version"]
        case _:
            return words


def _fill_streams() -> None:
    """A stream that the caller has closed goes nowhere: Python has None for it, and a socket would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="krt",
        description="Restart the Kubernetes workloads that run an image that a GitHub Actions job has just pushed.",
        epilog="krt help COMMAND says more about one; krt version, which krt this is.",
        missing=f"; the commands are {', '.join(_COMMANDS)}",
    )
    parser.add_argument("--version", action="version", version=f"krt {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, (module, summary) in _COMMANDS.items():
        if name == command:
            import_module(module).add_parser(subparsers, name)
        else:
            subparsers.add_parser(name, help=summary)
    return parser
