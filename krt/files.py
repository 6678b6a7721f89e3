"""Reads files that people, plugins and the kubelet write: whatever lies at the path, one look is short and small.

Files are read in threads or before Trio runs: everything here blocks, but never on a pipe or a device.
"""

import os
import stat
from pathlib import Path


class FileUnusable(ValueError):
    """The file cannot be read, or is none. Its text is one sentence that begins with the path and quotes no content."""


def read_file(path: Path, *, most_bytes: int) -> bytes:
    """The content of a regular file, `most_bytes` at most. Raises FileUnusable."""
    try:
        # Without O_NONBLOCK to open a pipe is to wait for whoever writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise FileUnusable(f"{path}: {getattr(error, 'strerror', None) or 'no such name can be'}") from error
    try:
        if problem := _no_file(os.fstat(descriptor).st_mode):
            raise FileUnusable(f"{path}: {problem}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:
        raise FileUnusable(f"{path}: larger than {most_bytes // 1024} KiB")
    return content


def _no_file(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "Is a directory"
    if stat.S_ISFIFO(mode):
        return "a pipe, and krt reads the file more than once"
    return "a device or socket, and no file"
