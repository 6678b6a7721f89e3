"""What a command prints: a stream that nobody reads any longer is an answer, not a crash."""

import os
import sys
from typing import TextIO

from krt.errors import OutputLost


def tell(*lines: str) -> None:
    """Print them on standard output. Raises OutputLost as `say` does."""
    say(sys.stdout, *lines)


def say(stream: TextIO, *lines: str) -> None:
    """Print them. Raises OutputLost where nobody reads `stream` any longer, or no room is left; it is mute then."""
    try:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
    except OSError as error:
        _mute(stream)
        raise OutputLost(error.strerror or str(error)) from error


def _mute(stream: TextIO) -> None:
    """What stands in the buffer goes nowhere: Python would try again, and complain, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
