"""Reads the files that make one CUE instance, from this machine."""

import sys
from collections.abc import Sequence

from krt.cli.publication import expanded
from krt.core.cue.nodes import CueDocument
from krt.core.fleet.files import STDIN, read_file_of_instance
from krt.core.fleet.refusals import FleetInvalid
from krt.files import FileUnusable, read_file

MOST_BYTES = 4 * 1024 * 1024  # krt reads a million characters of CUE
MOST_FILES = 100


def instance_files(names: Sequence[str]) -> list[CueDocument]:
    """The files, parsed. Raises FleetInvalid."""
    if len(names) > MOST_FILES or list(names).count(STDIN) > 1:
        raise FleetInvalid(f"at most {MOST_FILES} files make one document, and - stands once")
    return [_read(name) for name in names]


def _read(name: str) -> CueDocument:
    if name == STDIN:
        return read_file_of_instance(name, sys.stdin.buffer.read(MOST_BYTES))
    path = expanded(name)
    try:
        return read_file_of_instance(str(path), read_file(path, most_bytes=MOST_BYTES))
    except FileUnusable as error:
        raise FleetInvalid(str(error)) from error
