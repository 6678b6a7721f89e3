"""Adds the settings table to argparse as flags. Values stay text; krt.settings.table parses them."""

import argparse
from collections.abc import Iterable

from krt.settings.roles import TITLES, rows
from krt.settings.table import Setting


def add_settings(parser: argparse.ArgumentParser, role: str) -> None:
    """Add a flag for each setting of a role, in groups by part. A flag that is not given leaves no attribute."""
    for part, settings in rows(role).items():
        add_part(parser, TITLES[part], settings.values())


def add_part(parser: argparse.ArgumentParser, title: str, settings: Iterable[Setting]) -> None:
    """Add a flag for each of these settings, as one group."""
    group = parser.add_argument_group(title)
    for row in settings:
        _add(group, row)


def given_flags(args: argparse.Namespace) -> dict[str, str]:
    """The values of the given flags, by flag name."""
    return {name: value for name, value in vars(args).items() if name.startswith("--")}


def _add(group: "argparse._ArgumentGroup", row: Setting) -> None:
    names = [row.flag, "--dev"] if row.variable == "DEV_MODE" else [row.flag]
    optional = {"nargs": "?", "const": "true"} if row.switch else {}
    group.add_argument(
        *names,
        dest=row.flag,
        default=argparse.SUPPRESS,
        metavar=row.metavar,
        help=_help(row),
        **optional,  # type: ignore[arg-type]
    )


def _help(row: Setting) -> str:
    default = "required" if row.default is None else f"default: {row.default}" if row.default else "default: none"
    return f"{row.help} [{row.variable}; {default}]".replace("%", "%%")
