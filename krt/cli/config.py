"""krt config: prints the value and the source of every setting of a role."""

import argparse
from collections.abc import Mapping

from krt.cli.flags import add_settings, given_flags
from krt.cli.roles import bad_input
from krt.core.caller.policy import branch_warnings
from krt.errors import SettingsInvalid
from krt.output import tell
from krt.settings.load import Settings, load
from krt.settings.roles import ROLES
from krt.settings.table import Value


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `config` to the commands of krt."""
    description = "Show every setting of a role: its variable, its value, the value's source, and its flag."
    parser = subparsers.add_parser(name, help=summary, description=description)
    parser.set_defaults(run=run)
    roles = parser.add_subparsers(title="roles", metavar="ROLE", dest="role", required=True)
    for role in ROLES:
        summary = f"the settings with which krt {role} would start"
        add_settings(roles.add_parser(role, help=summary, description=description), role)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the settings. Returns the exit code."""
    try:
        settings = load(args.role, given_flags(args), environ)
    except SettingsInvalid as error:
        return bad_input(error)
    width = max(len(value.setting.variable) for value in settings.values)
    tell(*(f"{value.setting.variable:{width}}  {_shown(value, settings)}" for value in settings.values))
    return 0


def _shown(value: Value, settings: Settings) -> str:
    shown = f"{value.shown or '-'}  ({value.source}; {value.setting.flag})"
    is_policy = value.setting.variable in {"KRT_POLICY", "GITHUB_ALLOWED_ORG"} and value.text
    return f"{shown}{_warning(settings)}" if is_policy and settings.web else shown


def _warning(settings: Settings) -> str:
    found = branch_warnings(settings.rules())
    return f"  warning: {'; '.join(found)}" if found else ""
