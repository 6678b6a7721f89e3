"""Parses the command line and runs the command. Only the module of that command is imported."""

import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from krt.cli.commands import parser_for
from krt.errors import OutputLost

LOST, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command that `argv` names. Returns the exit code. Raises SystemExit: 2 for bad arguments, 0 at --help."""
    _fill_streams()
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # else Python prints log lines without fields
    words = sys.argv[1:] if argv is None else argv
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        with _signals_held(command):
            args = parser_for(command).parse_args(words)
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


def _signals_held(command: str | None) -> AbstractContextManager[None]:
    """Let signals wait until the daemon or command hears them. The imports take up to half a second."""
    if command in {"web", "worker", "controller", "all"}:
        from krt.daemon.held import held

        return held()
    if command in {"notify", "apply", "destroy", "publish", "unpublish"}:
        from krt.daemon.held import held_for_command

        return held_for_command()
    return nullcontext()


def _fill_streams() -> None:
    """Open /dev/null for each closed standard stream. Python has None for it, and a socket would get its descriptor.

    Standard output is opened for reading, so that a write fails: a result that nobody gets is not a success.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - stays open
    if sys.stdout is None:
        nowhere = io.FileIO(os.open(os.devnull, os.O_RDONLY), "w", closefd=False)  # no buffer to flush at exit
        sys.stdout = io.TextIOWrapper(nowhere, encoding="utf-8", write_through=True)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays open
