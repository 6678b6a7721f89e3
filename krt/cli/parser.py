"""argparse with errors fit for people and logs: one line, the nearest name, and no value, which may be a secret."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import Any, NoReturn

BAD_INPUT = 2

_NEAR = 0.55  # of 1: --verbose is near to --version, --bogus to nothing


class Parser(argparse.ArgumentParser):
    """Takes no abbreviation of a flag: each setting has exactly one."""

    def __init__(self, *, missing: str = "", **more: Any) -> None:
        """`missing` is said besides where an argument is missing."""
        super().__init__(allow_abbrev=False, **more)
        self._missing = missing

    def error(self, message: str) -> NoReturn:
        """Say it, and where to read more; end with SystemExit."""
        more = self._missing if message.startswith("the following arguments are required") else ""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help){more}\n")

    # The overloads of the inherited one tell namespaces of other types apart: krt has none.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """The arguments; nothing is left over, for each parser knows best what it would have taken."""
        self._refuse_unknown_flags(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._not_taken(unknown))
        return found, unknown

    def under(self, word: str) -> "Parser":
        """The parser of the command or action of this name; an error where there is none."""
        choice = next((action for action in self._actions if isinstance(action.choices, dict)), None)  # of subparsers
        if choice is None:
            self.error(self._not_taken([word]))
        self._check_value(choice, word)
        found: Parser = choice.choices[word]  # type: ignore[index]  # a dict, as was asked
        return found

    def _refuse_unknown_flags(self, args: Sequence[str]) -> None:
        """Before argparse says that an argument is missing: whoever mistypes a flag has to hear of the flag."""
        if self._subparsers is not None:
            return  # what follows the command is the command's
        known = self._option_string_actions
        flags = [
            word for word in takewhile(lambda word: word != "--", args) if word.startswith("--") and " " not in word
        ]
        unknown = [flag for flag in flags if flag.partition("=")[0] not in known]
        if unknown:
            self.error(self._not_taken(unknown))

    def _not_taken(self, words: Sequence[str]) -> str:
        if len(self._actions) == 1:  # --help
            return "it takes no arguments"
        known = self._option_string_actions
        flags = [word.partition("=")[0] for word in words if word.startswith("--")]
        if not flags:
            return "there is a word too many; flags begin with --"
        return "; ".join(f"there is no {flag}{_nearest(flag, known)}" for flag in flags)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            kind = str(action.metavar or action.dest).lower()
            self.error(f"there is no {kind} {value}{_nearest(value, action.choices)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    by_rest = {flag.lstrip("-"): flag for flag in known}  # what all of them begin with makes none of them near
    found = get_close_matches(name.lstrip("-"), by_rest, n=1, cutoff=_NEAR)
    return f", did you mean {by_rest[found[0]]}?" if found else ""
