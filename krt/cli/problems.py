"""Bad input of one run: every problem is found before the first one is told."""

from collections.abc import Callable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def collect(problems: list[str], read: Callable[[], T], *more: type[Exception]) -> T | None:
    """The result of `read`; None if it raises ValueError or one of `more`, whose text then is a further problem."""
    refusals: tuple[type[Exception], ...] = (ValueError, *more)
    try:
        return read()
    except refusals as error:
        problems.append(str(error))
        return None


def named(name: str, parse: Callable[[S], T], value: S, *more: type[Exception]) -> T:
    """What `parse` makes of the value. Raises ValueError with the sentence after the name of a flag, variable or file.

    The sentence is that of ValueError, or of one of `more`.
    """
    refusals: tuple[type[Exception], ...] = (ValueError, *more)
    try:
        return parse(value)
    except refusals as error:
        raise ValueError(f"{name}: {error}") from error
