"""What a process still lacks before it can do its work."""

from collections.abc import Callable

Check = Callable[[], str | None]  # a sentence about what is missing, or None


class Health:
    """Ready while no check names a problem. Parts add their check when they start."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def add(self, check: Check) -> None:
        """Ask this, too."""
        self._checks.append(check)

    def problems(self) -> tuple[str, ...]:
        """What is missing; empty when ready."""
        return tuple(problem for check in self._checks if (problem := check()))
