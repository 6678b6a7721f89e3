"""Runs a program within limits of the system: `python limited.py BYTES SECONDS FILE_BYTES PROGRAM ARGUMENT…`.

The process sets the limits for itself, and becomes the program. So they hold from the program's first step, and krt,
which has threads, runs no code of its own between fork and exec.
"""

import os
import resource
import sys


def limit(most_bytes: int, seconds: int, file_bytes: int) -> None:
    """Limit the address space and the size of a written file, in bytes, and the processor time, in seconds."""
    if sys.platform == "linux":  # other systems have no such limit, or one that a program in Go does not start with
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    limit(*map(int, sys.argv[1:4]))
    try:
        os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - the program that krt has found
    except OSError as error:
        sys.exit(f"{sys.argv[4]} cannot be run: {error.strerror}")
