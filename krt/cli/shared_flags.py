"""Flags that several commands have, and the JSON document about arguments that cannot be parsed."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from krt.errors import OutputLost


def add_output(group: "argparse._ArgumentGroup") -> None:
    """Add the flag for the form of the result."""
    group.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="text, or json: one object on stdout, whatever the outcome (default: text)",
    )


def add_kubeconfig(group: "argparse._ArgumentGroup") -> None:
    """Add the flag that `users_kubeconfig` reads."""
    group.add_argument(
        "--kubeconfig",
        metavar="FILE",
        help="a kubeconfig (or the variable KUBECONFIG; default: ~/.kube/config, else the pod's service account)",
    )


def tell_refusal(words: Sequence[str], message: str, refusal: Callable[[str], Mapping[str, object]]) -> None:
    """Print the document `refusal` of the parser's message, if the words of the command line ask for JSON."""
    if not _ask_for_json(words):
        return
    from krt.client.console import plain, to_json
    from krt.output import tell

    with suppress(OutputLost):  # the sentence is on standard error already
        tell(to_json({"error": plain(message), **refusal(message)}))


def _ask_for_json(words: Sequence[str]) -> bool:
    """The words need not be right otherwise."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-o", "--output")
    try:
        return bool(parser.parse_known_args(words)[0].output == "json")
    except argparse.ArgumentError:
        return False
