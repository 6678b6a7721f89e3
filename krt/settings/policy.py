"""The policy file as the settings name it: read at start, within bounds, from a place that not everybody can write."""

import os
import stat
from pathlib import Path

from krt.core.policy import Rule
from krt.core.policy_file import MOST_BYTES, parse_policy
from krt.errors import SettingsInvalid


def read_policy(path: str) -> tuple[Rule, ...]:
    """The rules in the file. Raises SettingsInvalid, each of its problems naming the file."""
    try:
        return parse_policy(_content(Path(path)))
    except OSError as error:
        raise SettingsInvalid((f"{path} cannot be read ({error.strerror})",)) from error
    except SettingsInvalid as error:
        raise SettingsInvalid(tuple(f"{path}: {problem}" for problem in error.problems)) from error


def _content(path: Path) -> bytes:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise SettingsInvalid(("is no file",))  # a FIFO in its place would hold up the start
    if mode & stat.S_IWOTH and os.name == "posix":
        raise SettingsInvalid(("everybody on this machine may write it: chmod o-w",))
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
