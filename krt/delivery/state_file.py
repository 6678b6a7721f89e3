"""The file of a state record: read, replaced in one step with mode 0600, held by one run at a time. All of this blocks.

The file system must be one on which `flock` works.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from krt.core.delivery.state_record import MOST_BYTES, RecordUnreadable, StateRecord, read_record
from krt.errors import KrtError
from krt.files import FileUnusable, read_file


class StateUnusable(KrtError):
    """The record cannot be read or written. The text is a sentence that says why."""


class StateHeld(KrtError):
    """Another run holds the record. The text is a sentence that says so."""


class StateFile:
    """The record of one instance. `held` makes its folder if that is missing.

    If the path is a symbolic link, krt replaces the file that the link names, and the link stays: a tool that opens the
    path and writes does the same. Two links to one file are one record, with one lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._found: bytes | None = None

    def read(self) -> StateRecord | None:
        """The record; None if there is none. Raises StateUnusable."""
        if not self.path.exists():
            return None
        try:
            self._found = read_file(self.path, most_bytes=MOST_BYTES)
            return read_record(self._found)
        except FileUnusable as error:
            raise StateUnusable(f"the state record {self.path} cannot be read: {error.reason}") from error
        except RecordUnreadable as error:
            problem = f"the state record {self.path} cannot be read: {error}"
            raise StateUnusable(f"{problem}; restore it, or move it away") from error

    def write(self, record: StateRecord) -> None:
        """Replace the record: a reader sees the old one or the new one, and a crash leaves one of them.

        Raises StateUnusable.
        """
        self._replace(record.to_bytes())

    def restore(self) -> None:
        """Put back the record that `read` has found, with the fields that krt does not know. Raises StateUnusable."""
        if self._found is not None:
            self._replace(self._found)

    def _replace(self, content: bytes) -> None:
        folder, name = self.path.parent, f".{self.path.name}."
        try:
            descriptor, temporary = mkstemp(dir=folder, prefix=name)  # with mode 0600
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self.path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StateUnusable(f"the state record {self.path} cannot be written: {error.strerror}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the record within the block. Raises StateHeld if another run holds it, and StateUnusable.

        The kernel lets go of the lock when a process ends, however it ends. The lock's file stays.
        """
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateUnusable(f"the state record {self.path} cannot be written: {error.strerror}") from error
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            self._lock(file.fileno())
            with suppress(OSError):  # a full disk: the lock holds without the number, which only names the process
                file.truncate()
                file.write(str(os.getpid()).encode())
            yield

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode(errors="replace")
            by = f", process {pid}," if pid.isdecimal() else ""
            problem = f"another run{by} is under way with the state record {self.path}"
            raise StateHeld(f"{problem}: try again when it has ended") from error
        except OSError as error:  # a file system without locks
            problem = f"the state record {self.path} cannot be locked: {error.strerror}"
            raise StateUnusable(problem) from error
