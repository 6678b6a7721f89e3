"""Reads files that people and the kubelet write. Each read is bounded in bytes, whatever the path names.

The functions block, though never on a pipe or a device: call them in a thread, or before Trio runs.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileUnusable(ValueError):
    """No regular file can be read at the path, or the file is too long. The error's text is `PATH: REASON`.

    It quotes no content. `reason` is the part after the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def read_file(path: Path, *, most_bytes: int) -> bytes:
    """The content of a regular file. Raises FileUnusable, also if the file is longer than `most_bytes`."""
    with _opened(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise FileUnusable(path, _too_large(most_bytes))
    return content


def check_file(path: Path, *, most_bytes: int) -> None:
    """Raise FileUnusable if `read_file` would raise it now. For files that a library reads by itself."""
    with _opened(path) as descriptor:
        if os.fstat(descriptor).st_size > most_bytes:
            raise FileUnusable(path, _too_large(most_bytes))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise FileUnusable(path, getattr(error, "strerror", None) or "no file can have this name") from error
    try:
        if problem := _no_file(os.fstat(descriptor).st_mode):
            raise FileUnusable(path, problem)
        yield descriptor
    except OSError as error:
        raise FileUnusable(path, error.strerror or "cannot be read") from error
    finally:
        os.close(descriptor)


def _no_file(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "Is a directory"
    if stat.S_ISFIFO(mode):
        return "a pipe cannot be read again"
    return "a device or a socket, not a file"


def _too_large(most_bytes: int) -> str:
    return f"longer than {most_bytes} bytes"
