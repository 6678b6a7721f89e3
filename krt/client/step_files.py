"""Writes the files that GitHub's runner reads after a step: the step's outputs, and the job's summary page."""

import os
from collections.abc import Mapping
from pathlib import Path


def append(path: Path, text: str) -> None:
    """Add `text`, which is ASCII, to the file that a variable of the job names. Raises OSError."""
    with open(path, "a", encoding="ascii", newline="\n", opener=_open) as file:
        file.write(text)


def outputs(values: Mapping[str, str]) -> str:
    """The lines for GITHUB_OUTPUT; no value holds a line end (docs.github.com, "Workflow commands").

    The runner takes the last line of each name, even if the step fails.
    """
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)  # a pipe without a reader is an error instead of a wait
