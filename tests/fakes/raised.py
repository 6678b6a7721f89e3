"""Gives the exception of a call as a value, for tests that list the allowed errors."""

from collections.abc import Callable


def raised(call: Callable[..., object], *arguments: object) -> Exception | None:
    """The exception that the call raises; None if it returns."""
    try:
        call(*arguments)
    except Exception as error:
        return error
    return None
