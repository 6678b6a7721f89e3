"""The two ways to say who may announce which images: a policy file, or an organisation and a prefix."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule
from krt.core.caller.policy_file import MOST_BYTES, parse_policy
from krt.core.caller.who import Who
from krt.errors import SettingsInvalid
from krt.settings.table import Setting


def read_policy(path: str) -> tuple[Rule, ...]:
    """The rules in the file at `path`. Blocks. Raises SettingsInvalid; each problem names the file."""
    try:
        return parse_policy(_content(Path(path)))
    except OSError as error:
        raise SettingsInvalid((f"{path} cannot be read ({error.strerror})",)) from error
    except SettingsInvalid as error:
        raise SettingsInvalid(tuple(f"{path}: {problem}" for problem in error.problems)) from error


def rules_of(
    policy: tuple[Rule, ...] | None, owner: Who | None, images: tuple[ImagePattern, ...] | None
) -> tuple[Rule, ...]:
    """The file's rules if there is a file; else the one rule of `owner` and `images`, which must then be given."""
    if policy is not None:
        return policy
    assert owner is not None, "checked by problems_of_web"
    assert images is not None, "checked by problems_of_web"
    return (Rule(owner, images),)


def problems_of_web(given: frozenset[str], policy: Setting, owner: Setting, images: Setting) -> Iterator[str]:
    """The problems of the combination `given`, for krt web: it takes a file, or the other two variables, never both."""
    for row in (owner, images):
        if policy.variable in given and row.variable in given:
            yield f"{policy} and {row} are both given: a policy file alone says who may announce which images"
        elif policy.variable not in given and row.variable not in given:
            yield f"{row} is required: {row.help}"


def problems_of_worker(given: frozenset[str], policy: Setting, images: Setting) -> Iterator[str]:
    """The problems of the combination `given`, for krt worker: it needs a file or a prefix, and takes both."""
    if not given & {policy.variable, images.variable}:
        yield f"{images} is required: {images.help}"


def _content(path: Path) -> bytes:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise SettingsInvalid(("is not a file",))  # opening a FIFO would block the start
    if mode & stat.S_IWOTH and os.name == "posix":
        raise SettingsInvalid(("everybody on this machine may write to it: chmod o-w",))
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
