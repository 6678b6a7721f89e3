"""krt web, krt worker, krt all: settings in, a daemon until it is told to stop, an exit code out."""

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import trio

from krt import logs
from krt.cli.flags import add_settings, given_flags
from krt.errors import BindFailed, SettingsInvalid
from krt.settings import parts

if TYPE_CHECKING:
    from krt.settings.parts import Settings

BAD_INPUT = 2
CUT = 1

_DESCRIPTIONS = {
    "web": "Accept events over HTTP: verify the caller's token, journal the event, ring for the workers.",
    "worker": "Restart the workloads that run the images of journaled events.",
    "all": "krt web and krt worker in one process.",
}
_EPILOG = "Each setting is read from its variable, in brackets; the flag wins. exit codes: 0 stopped in time; 1 cut; 2 bad settings"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", role: str) -> None:
    """Add the role to the commands of krt."""
    parser = subparsers.add_parser(role, description=_DESCRIPTIONS[role], epilog=_EPILOG)
    parser.set_defaults(run=run)
    add_settings(parser, role)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the role that was named; the exit code."""
    flags = given_flags(args)
    try:
        if args.command == "all" and _is_dev(flags, environ):
            from krt.dev.all import run_dev

            return 0 if trio.run(run_dev, flags, environ) else CUT
        return _serve(parts.load(args.command, flags, environ))
    except* SettingsInvalid as group:
        return _bad_input([problem for error in _leaves(group) for problem in error.problems])
