"""The readiness of a process: what it still needs before it can do its work."""

from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[], str | None]  # a sentence about the problem, or None
Tell = Callable[[], str]  # a few words about the part's state


@dataclass(frozen=True, slots=True)
class HealthPart:
    """The state of one part of the process. `problem` is None if the part is ready."""

    name: str
    problem: str | None
    detail: str


class Health:
    """The checks of all parts. The process is ready while no check names a problem."""

    def __init__(self) -> None:
        self._checks: list[tuple[str, Check, Tell]] = []

    def add(self, part: str, check: Check, tell: Tell = lambda: "") -> None:
        """Add a part. `check` and `tell` are called whenever somebody asks; they must not wait."""
        self._checks.append((part, check, tell))

    def problems(self) -> tuple[str, ...]:
        """The problems of all parts; empty if the process is ready."""
        return tuple(problem for _, check, _ in self._checks if (problem := check()))

    def parts(self) -> tuple[HealthPart, ...]:
        """Every part, in the order in which they were added."""
        return tuple(HealthPart(name, _without(name, check()), tell()) for name, check, tell in self._checks)


def _without(name: str, problem: str | None) -> str | None:
    return problem.removeprefix(f"{name}: ") if problem else None
