"""How a command about bundles ends that does not begin: bad input, or a cluster or registry that does not answer."""

import argparse
from collections.abc import Callable, Mapping, Sequence

from krt.cli.consoles import console_of
from krt.cli.fleet import FleetUnavailable
from krt.cli.fleet_outcome import refusal
from krt.cli.shared_flags import tell_refusal
from krt.client import exits
from krt.client.console import Console
from krt.core.fleet.refusals import FleetInvalid
from krt.errors import SettingsInvalid


def ended(args: argparse.Namespace, environ: Mapping[str, str], carry_out: Callable[[Console], int]) -> int:
    """Carry out the command with its console. Returns the exit code."""
    console = console_of(f"krt {args.command}", environ, as_json=args.output == "json")
    try:
        return carry_out(console)
    except (FleetInvalid, SettingsInvalid) as error:
        console.fail(*error.problems, **refusal(*error.problems))
        return exits.REFUSED
    except FleetUnavailable as error:
        console.fail(str(error), **refusal(str(error)))
        return exits.FAILED


def refused(words: Sequence[str], message: str) -> None:
    """Print the JSON document about arguments that cannot be parsed, if the words ask for JSON."""
    tell_refusal(words, message, refusal)
