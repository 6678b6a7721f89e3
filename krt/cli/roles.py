"""krt web, krt worker, krt controller, krt all: reads the settings, runs the daemon, and returns its exit code."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

import trio

from krt import logs
from krt.cli.flags import add_settings, given_flags
from krt.cli.parser import BAD_INPUT
from krt.daemon.held import release
from krt.errors import BindFailed, SettingsInvalid
from krt.settings.load import load
from krt.settings.values import switch

CUT = 1

_DESCRIPTIONS = {
    "web": "Accept events over HTTP: verify the caller's token, journal the event, wake the workers.",
    "worker": "Restart the workloads that run the images of journaled events.",
    "controller": "Unpack Bundles, and install, repair and remove the objects of BundleDeployments.",
    "all": "krt web and krt worker in one process, and krt controller if KRT_CONTROLLERS is set.",
}
_ADDRESSES = "WEB_LISTEN_ADDR (or --listen-addr) and KRT_ADMIN_ADDR (or --admin-addr) say where krt listens"
_EPILOG = (
    "Each setting is read from its variable, in brackets; the flag wins. "
    "Exit codes: 0 stopped in time, 1 cut off at the end of the grace time, 2 bad settings or an unusable address."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", role: str, summary: str) -> None:
    """Add the role to the commands of krt."""
    parser = subparsers.add_parser(role, help=summary, description=_DESCRIPTIONS[role], epilog=_EPILOG)
    parser.set_defaults(run=run)
    add_settings(parser, role)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the role that the command names. Returns the exit code."""
    flags = given_flags(args)
    try:
        return 0 if _run(args.command, flags, environ) else CUT
    except (SettingsInvalid, BindFailed) as error:
        return bad_input(error)
    except BaseExceptionGroup as group:
        expected, _ = group.split((SettingsInvalid, BindFailed))
        if expected is None:
            raise
        return bad_input(*leaves(expected))


def _run(role: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    _allow_many_files()
    if role == "all" and _is_dev(flags, environ):
        from krt.cli import dev

        release()  # --dev starts programs, which would inherit the blocked signals
        return trio.run(dev.run, flags, environ)
    from krt.daemon import root  # most imports happen here

    settings = load(role, flags, environ)
    logs.configure(settings.process.log_level)
    return trio.run(root.run, settings)


def _allow_many_files() -> None:
    """Raise the limit of open files to the hard limit: the public listener alone takes 1,536 connections."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS reports "unlimited" and refuses it; a sandbox may forbid it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _is_dev(flags: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    wanted = flags.get("--dev-mode") or environ.get("DEV_MODE") or "false"
    try:
        return switch(wanted)
    except ValueError:  # load() reports it with all other problems
        return False


def bad_input(*errors: BaseException) -> int:
    """Print the problems on standard error, one line each. Returns the exit code."""
    for problem in (problem for error in errors for problem in _problems(error)):
        print(f"krt: {' '.join(problem.split())}", file=sys.stderr)  # a problem may quote a text of several lines
    return BAD_INPUT


def _problems(error: BaseException) -> tuple[str, ...]:
    match error:
        case SettingsInvalid():
            return error.problems
        case BindFailed():
            return (f"{error}; {_ADDRESSES}",)
        case _:
            return (str(error),)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """All errors in a group and in its nested groups."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error
