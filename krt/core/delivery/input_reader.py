"""Reads the inputs of a module one after another and gathers every problem with them, a sentence each. Pure.

The sentences are those that people know from the modules (HybridOps, validators/common), wherever these have one.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

_MOST_TEXT = 4096  # the longest path
_MOST_SHOWN = 100
_PLACEHOLDER = re.compile(r"<[^<>]*>|CHANGE[_-]?ME", re.IGNORECASE)


class InputReader:
    """`problems` grows as inputs are read. A value that comes with a new problem must not be used."""

    def __init__(self, inputs: Mapping[object, object]) -> None:
        self._inputs = inputs
        self.problems: list[str] = []

    def has(self, key: str) -> bool:
        """Whether something is written for it; null is nothing."""
        return self._inputs.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A text that is required, or has a default. Without spaces around it."""
        return self.checked_text(f"inputs.{key}", self._inputs.get(key, default))

    def optional_text(self, key: str) -> str:
        """A text, or "" where there is none."""
        return self.text(key) if self.has(key) else ""

    def name(self, key: str, pattern: re.Pattern[str], most: int, made_of: str, default: str = "") -> str:
        """A text that Kubernetes takes as a name: of at most so many characters, which are `made_of`."""
        before = len(self.problems)
        text = self.text(key, default)
        if len(self.problems) == before and (len(text) > most or not pattern.fullmatch(text)):
            self.problems.append(f"inputs.{key} must be a name of at most {most} {made_of} (found {shown(text)})")
        return text

    def truth(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._inputs.get(key) if self.has(key) else default
        if not isinstance(value, bool):
            self.problems.append(f"inputs.{key} must be a boolean")
        return bool(value)

    def count(self, key: str, default: int, most: int) -> int:
        """A whole number of at least 1."""
        value = self._inputs.get(key) if self.has(key) else default
        if not isinstance(value, int) or isinstance(value, bool):
            self.problems.append(f"inputs.{key} must be an integer")
            return default
        if value < 1:
            self.problems.append(f"inputs.{key} must be >= 1 when set")
        if value > most:
            self.problems.append(f"inputs.{key} must be <= {most}")
        return value

    def items(self, key: str, most: int, made_of: str) -> Sequence[object]:
        """A list of at most so many, which may be left out."""
        value = self._inputs.get(key) if self.has(key) else []
        if isinstance(value, list) and len(value) <= most:
            return value
        self.problems.append(f"inputs.{key} must be a list of at most {most} {made_of}")
        return []

    def checked_text(self, place: str, value: object) -> str:
        """The text at this place, if it is one: no placeholder, one line, not too long."""
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            self.problems.append(f"{place} must be a non-empty string")
        elif _PLACEHOLDER.search(text):
            self.problems.append(f"{place} must not contain placeholder values (found {shown(text)})")
        elif len(text) > _MOST_TEXT or not text.isprintable():
            self.problems.append(f"{place} must be one line of at most {_MOST_TEXT} characters")
        return text

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """A problem for each input that is none of these, with the one that was perhaps meant."""
        for key in list(self._inputs)[:_MOST_SHOWN]:
            if key not in known:
                named = ascii(str(key)[:_MOST_SHOWN])[1:-1]
                close = get_close_matches(named, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"krt knows {', '.join(known)}"
                self.problems.append(f"inputs.{named} is unknown: {hint}")


def shown(text: str) -> str:
    """The text in quotes, as far as a sentence has room for it."""
    return repr(text[:_MOST_SHOWN])
