"""The bounds of one evaluation: on its steps, its levels, and the characters that it makes. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from krt.core.cue.refusals import CueInvalid, SourcePlace

MOST_STEPS = 50_000
MOST_LEVELS = 64
MOST_TEXT = 4 * 1024 * 1024  # characters of all strings that interpolation and + make


class Budget:
    """Counts what an evaluation uses. Each method raises CueInvalid if a bound is exceeded."""

    def __init__(self) -> None:
        self._steps, self._text, self._level = MOST_STEPS, MOST_TEXT, 0

    def step(self, place: SourcePlace) -> None:
        """Count a value that is evaluated."""
        self._steps -= 1
        if self._steps < 0:
            raise CueInvalid(place, f"the document needs more than {MOST_STEPS} steps")

    def text(self, place: SourcePlace, characters: int) -> None:
        """Count characters that an operator makes."""
        self._text -= characters
        if self._text < 0:
            raise CueInvalid(place, f"the document makes more than {MOST_TEXT} characters")

    @contextmanager
    def level(self, place: SourcePlace) -> Iterator[None]:
        """Count one more level during the block: a value within another, or a value that another needs."""
        self._level += 1
        if self._level > MOST_LEVELS:
            raise CueInvalid(place, f"values are nested or depend on one another deeper than {MOST_LEVELS} levels")
        try:
            yield
        finally:
            self._level -= 1
