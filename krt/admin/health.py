"""What a process still lacks before it can do its work."""

from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[], str | None]  # a sentence about what is missing, or None
Tell = Callable[[], str]  # a few words about what is there


@dataclass(frozen=True, slots=True)
class HealthPart:
    """How one part of the process is; `problem` is None where nothing is missing."""

    name: str
    problem: str | None
    detail: str


class Health:
    """Ready while no check names a problem. Parts add their check when they start."""

    def __init__(self) -> None:
        self._checks: list[tuple[str, Check, Tell]] = []

    def add(self, part: str, check: Check, tell: Tell = lambda: "") -> None:
        """Ask this part, too."""
        self._checks.append((part, check, tell))

    def problems(self) -> tuple[str, ...]:
        """What is missing; empty when ready."""
        return tuple(problem for _, check, _ in self._checks if (problem := check()))

    def parts(self) -> tuple[HealthPart, ...]:
        """Every part, in the order in which they came."""
        return tuple(HealthPart(name, _without(name, check()), tell()) for name, check, tell in self._checks)


def _without(name: str, problem: str | None) -> str | None:
    return problem.removeprefix(f"{name}: ") if problem else None
