"""Prints the output of commands. If a stream takes no more, one error that commands expect is raised: OutputLost."""

import os
import sys
from typing import TextIO

from krt.errors import OutputLost


def tell(*lines: str) -> None:
    """Print the lines on standard output. Raises OutputLost as `say` does."""
    say(sys.stdout, *lines)


def say(stream: TextIO, *lines: str) -> None:
    """Print the lines on `stream`. Raises OutputLost if its reader is gone or its disk is full, and then mutes it."""
    try:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
    except OSError as error:
        _mute(stream)
        raise OutputLost(error.strerror or str(error)) from error


def _mute(stream: TextIO) -> None:
    """Point the stream at /dev/null. Otherwise Python would try to write its buffer at exit, and print a warning."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
