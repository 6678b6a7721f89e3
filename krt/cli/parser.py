"""argparse with errors fit for people and logs: one line, the nearest name, and no value, which may be a secret."""

import argparse
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """Takes no abbreviation of a flag: each setting has exactly one."""

    def __init__(self, **more: Any) -> None:
        super().__init__(allow_abbrev=False, **more)

    def error(self, message: str) -> NoReturn:
        """Say it, and where to read more; end with SystemExit."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")

    # The overloads of the inherited one tell namespaces of other types apart: krt has none.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """The arguments; nothing is left over, for each parser knows best what it would have taken."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error("; ".join(_not_taken(unknown, self._option_string_actions)))
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            kind = str(action.metavar or action.dest).lower()
            self.error(f"there is no {kind} {value}{_nearest(value, action.choices)}")


def _not_taken(words: Sequence[str], known: Iterable[str]) -> list[str]:
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    if not flags:
        return ["there is a word too many; flags begin with --"]
    return [f"there is no {flag}{_nearest(flag, known)}" for flag in flags]


def _nearest(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), n=1)
    return f", did you mean {found[0]}?" if found else ""
