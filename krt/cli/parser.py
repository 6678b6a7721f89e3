"""argparse with better errors: one line, and a proposal for a misspelt name.

No error quotes the value of a flag that takes free text, because it may be secret. A word that begins with `--` is a
flag to argparse, and is quoted.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import Any, NoReturn

BAD_INPUT = 2

# Gets all words that the parser was given, and the error's message.
OnRefusal = Callable[[Sequence[str], str], None]

_NEAR = 0.55  # similarity from 0 to 1: --verbose is near --version, --bogus is near nothing


class Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated flags."""

    def __init__(
        self,
        *,
        missing: str = "",
        refused: OnRefusal | None = None,
        groups: Mapping[str, Mapping[str, str]] = {},
        **more: Any,
    ) -> None:
        """`missing` is added to the error about a missing argument. `refused` is called after each printed error.

        `groups` are the commands as the help lists them: titles, and for each the summaries by name. argparse itself
        lists all commands in one group.
        """
        super().__init__(allow_abbrev=False, **more)
        self._groups = groups
        self._missing = missing
        self._refused = refused
        self._words: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Print the message and a hint at --help. Raises SystemExit(2)."""
        more = self._missing if message.startswith("the following arguments are required") else ""
        self._print_message(f"{self.prog}: {message} (see {self.prog} --help){more}\n", sys.stderr)
        if self._refused:
            self._refused(self._words, message)
        self.exit(BAD_INPUT)

    def format_help(self) -> str:
        """The help, with the commands in their groups."""
        if not self._groups:
            return super().format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for title, commands in self._groups.items():
            formatter.start_section(title)
            formatter.add_arguments(argparse.Action([], name, help=each) for name, each in commands.items())
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments(each for each in self._actions if each.option_strings)
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    # The overloads of the inherited method are for other namespace types, which krt does not use.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse. Raises SystemExit(2) for unknown arguments, also in the parser of a command.

        argparse would pass them up to the main parser, which does not know the command's flags and could propose none.
        """
        self._words = sys.argv[1:] if args is None else tuple(args)
        self._refuse_unknown_flags(self._words)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._not_taken(unknown))
        return found, unknown

    def under(self, word: str) -> "Parser":
        """The parser of the command or action `word`. Raises SystemExit(2) if there is none."""
        choice = next((action for action in self._actions if isinstance(action.choices, dict)), None)  # the subparsers
        if choice is None:
            self.error(self._not_taken([word]))
        self._check_value(choice, word)
        found: Parser = choice.choices[word]  # type: ignore[index]  # a dict, checked above
        return found

    def _refuse_unknown_flags(self, args: Sequence[str]) -> None:
        """Refuse a misspelt flag before argparse reports a missing argument, which would hide the real mistake."""
        if self._subparsers is not None:
            self._refuse_flag_before_command(args)
            return  # the words after a command belong to the command's parser
        known = self._option_string_actions
        flags = [
            word for word in takewhile(lambda word: word != "--", args) if word.startswith("--") and " " not in word
        ]
        unknown = [flag for flag in flags if flag.partition("=")[0] not in known]
        if unknown:
            self.error(self._not_taken(unknown))

    def _refuse_flag_before_command(self, args: Sequence[str]) -> None:
        """argparse would take the flag's value for the command, and the error would quote it."""
        first = args[0].partition("=")[0] if args else ""
        if len(args) > 1 and first.startswith("-") and first not in self._option_string_actions:
            nearest = _nearest(first, self._option_string_actions) or ": flags stand after the command"
            self.error(f"there is no {first} here{nearest}")

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
    by_rest = {flag.lstrip("-"): flag for flag in known}  # the dashes of all flags must not count as similarity
    found = get_close_matches(name.lstrip("-"), by_rest, n=1, cutoff=_NEAR)
    return f", did you mean {by_rest[found[0]]}?" if found else ""
