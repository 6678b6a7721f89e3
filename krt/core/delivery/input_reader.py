"""Reads the inputs of a HybridOps module one by one, and collects every problem with them, a sentence each. Pure.

If HybridOps (validators/common) has a sentence for a problem, krt uses the same one, because people know it.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

_MOST_TEXT = 4096  # characters; the longest path
_MOST_SHOWN = 100  # characters of a text that a sentence quotes; also the number of unknown inputs that are reported
_PLACEHOLDER = re.compile(r"<[^<>]*>|CHANGE[_-]?ME", re.IGNORECASE)


class InputReader:
    """`problems` grows as inputs are read. A value that comes with a new problem must not be used."""

    def __init__(self, inputs: Mapping[object, object]) -> None:
        self._inputs = inputs
        self.problems: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the input has a value other than null."""
        return self._inputs.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A text without spaces around it. Without a default the input is required."""
        return self.checked_text(f"inputs.{key}", self._inputs.get(key, default))

    def optional_text(self, key: str) -> str:
        """A text, or "" if the input is missing."""
        return self.text(key) if self.has(key) else ""

    def name(self, key: str, pattern: re.Pattern[str], most: int, made_of: str, default: str = "") -> str:
        """A name that fits `pattern` and has at most `most` characters; `made_of` names the characters for people."""
        before = len(self.problems)
        text = self.text(key, default)
        if len(self.problems) == before and (len(text) > most or not pattern.fullmatch(text)):
            self.problems.append(f"inputs.{key} must be a name of at most {most} {made_of} (found {shown(text)})")
        return text

    def truth(self, key: str, *, default: bool) -> bool:
        """A boolean; the default if the input is missing."""
        value = self._inputs.get(key) if self.has(key) else default
        if not isinstance(value, bool):
            self.problems.append(f"inputs.{key} must be a boolean")
        return bool(value)

    def count(self, key: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`; the default if the input is missing."""
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
        """A list of at most `most` items, which `made_of` names for people; empty if the input is missing."""
        value = self._inputs.get(key) if self.has(key) else []
        if isinstance(value, list) and len(value) <= most:
            return value
        self.problems.append(f"inputs.{key} must be a list of at most {most} {made_of}")
        return []

    def checked_text(self, place: str, value: object) -> str:
        """`value` as a text: one line, not too long, without placeholders. `place` names the value in a problem."""
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            self.problems.append(f"{place} must be a non-empty string")
        elif _PLACEHOLDER.search(text):
            self.problems.append(f"{place} must not contain placeholder values (found {shown(text)})")
        elif len(text) > _MOST_TEXT or not text.isprintable():
            self.problems.append(f"{place} must be one line of at most {_MOST_TEXT} characters")
        return text

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """Add a problem for each input that is not in `known`. It names a known input of a similar name, or all."""
        for key in list(self._inputs)[:_MOST_SHOWN]:
            if key not in known:
                named = ascii(str(key)[:_MOST_SHOWN])[1:-1][:_MOST_SHOWN]  # one character may become ten
                close = get_close_matches(named, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"krt knows {', '.join(known)}"
                self.problems.append(f"inputs.{named} is unknown: {hint}")


def shown(text: str) -> str:
    """The text in quotes, cut to 100 characters, after each that cannot be printed was replaced by its escape."""
    quoted = repr(text[:_MOST_SHOWN])
    return quoted if len(quoted) <= _MOST_SHOWN + 2 else f"{quoted[:_MOST_SHOWN]}…{quoted[-1]}"
