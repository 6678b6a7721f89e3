"""What a command answers, on standard output."""

import os
import sys

from krt.errors import OutputLost


def tell(*lines: str) -> None:
    """Print them. Raises OutputLost where nobody reads any longer, or no room is left; nothing is printed then."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        _give_up()
        raise OutputLost(error.strerror or str(error)) from error


def _give_up() -> None:
    """What stands in the buffer goes nowhere: Python would try again, and complain, when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
