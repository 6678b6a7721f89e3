"""The arguments that all commands for publishing a file share."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from krt.errors import OutputLost

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


def add_output(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add the arguments about the run and its output. Returns their group."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--dry-run", action="store_true", help="let the API server judge the change, print it, and write nothing"
    )
    group.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="text, or json: one object on stdout, whatever the outcome (default: text)",
    )
    return group


def _tell_refusal(words: Sequence[str], message: str) -> None:
    """Print the JSON document about arguments that cannot be parsed, if the words ask for JSON."""
    if not asks_for_json(words):
        return
    from krt.cli.publication_end import refusal
    from krt.client.console import plain, to_json
    from krt.output import tell

    with suppress(OutputLost):  # the sentence is on standard error already
        tell(to_json({"error": plain(message), **refusal(message)}))


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether the words of a command line ask for JSON. They need not be right otherwise."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-o", "--output")
    try:
        return bool(parser.parse_known_args(words)[0].output == "json")
    except argparse.ArgumentError:
        return False
