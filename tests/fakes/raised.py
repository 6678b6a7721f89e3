"""What a call raises, as a value: for tests that say which errors there may be at all."""

from collections.abc import Callable


def raised(call: Callable[..., object], *arguments: object) -> Exception | None:
    """The error that the call ends with; None if it returns."""
    try:
        call(*arguments)
    except Exception as error:
        return error
    return None
