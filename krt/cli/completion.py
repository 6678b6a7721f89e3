"""krt completion: prints the script by which a shell completes krt's commands and flags.

The package shtab writes the script. It has no dependencies and knows bash, zsh, tcsh and fish. argcomplete would start
Python at each tab; a script that lists every flag does not. Only this command needs shtab: it is an optional extra.
"""

import argparse
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from krt.cli.roles import bad_input
from krt.errors import SettingsInvalid
from krt.output import tell

SHELLS = ("bash", "zsh", "tcsh", "fish")
_MISSING = "completion needs the package shtab, which is not installed: install krt with its extra `completion`"
_ANY_TEXT = {"zsh": "{false}"}  # of IMAGE, say: if zsh prints a message for it, zsh completes no flag there
_EPILOG = (
    "bash: source <(krt completion bash). zsh: krt completion zsh > _krt, in a folder of $fpath. "
    "Exit codes: 0 printed; 2 bad input, or no shtab."
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `completion` to the commands of krt."""
    description = "Print the script by which a shell completes the commands of krt and their flags."
    parser = subparsers.add_parser(name, help=summary, description=description, epilog=_EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(args: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the script. Returns the exit code."""
    if find_spec("shtab") is None:
        return bad_input(SettingsInvalid((_MISSING,)))
    tell(_script(args.shell).rstrip("\n"))
    return 0


def _script(shell: str) -> str:
    import shtab

    from krt.cli.commands import whole_parser  # that module imports this one

    whole = whole_parser()
    for action in _actions(whole):
        if action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
        elif not action.option_strings and not action.choices:
            action.complete = _ANY_TEXT  # type: ignore[attr-defined]
    return shtab.complete(whole, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _actions(below)
        else:
            yield action
