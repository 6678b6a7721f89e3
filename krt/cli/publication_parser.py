"""The arguments that all commands for publishing a file share."""

import argparse
from collections.abc import Callable, Mapping, Sequence

from krt.cli.shared_flags import add_output, tell_refusal

EPILOG = (
    "exit codes: 0 the Secret is as wanted, and the rollout of every restarted workload has ended well; 1 the API "
    "server refused or did not answer, a rollout failed or took too long, another run is under way, or the result "
    "could not be written; 2 bad input, or krt refuses: nothing was written; 130 interrupted (SIGINT), 143 by "
    "SIGTERM, 129 by SIGHUP. After any of them the same command continues."
)


def add_command(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    description: str,
    run: Callable[[argparse.Namespace, Mapping[str, str]], int],
) -> argparse.ArgumentParser:
    """Add a command that `run` carries out. Returns its parser."""
    parser = subparsers.add_parser(name, help=summary, description=description, epilog=EPILOG, refused=_tell_refusal)
    parser.set_defaults(run=run)
    return parser


def add_run(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add the arguments about the run and its output. Returns their group."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--dry-run", action="store_true", help="let the API server judge the change, print it, and write nothing"
    )
    add_output(group)
    return group


def _tell_refusal(words: Sequence[str], message: str) -> None:
    from krt.cli.publication_end import refusal

    tell_refusal(words, message, refusal)
