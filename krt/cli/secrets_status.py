"""krt secrets status: which Deployment has which values of an app, by which strategy and reload."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from krt.cli.columns import columns
from krt.cli.secrets_run import ask, check_names, ended
from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.app_summary import LinkRow, link_rows, messages_of, problems_of
from krt.errors import SettingsInvalid

_HEADING = ("APP", "ENVIRONMENT", "DEPLOYMENT", "STATE", "DIGEST", "STRATEGY", "RELOAD", "MODE", "DELIVERED")
_SHOWN_DIGITS = 12


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the status. Returns the exit code."""
    return ended(args, lambda: _status(args, environ))


def _status(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    problems: list[str] = []
    check_names(args, problems)
    if problems:
        raise SettingsInvalid(tuple(problems))
    apps = ask(args, environ, lambda sources: sources.apps(args.app))
    return {"apps": [_document(app) for app in apps]}, _lines(apps)


def _document(app: SecretsApp) -> dict[str, Any]:
    return {
        "name": app.name,
        "problems": list(problems_of(app)),
        "deployments": [_entry(row) for row in link_rows(app)],
    }


def _entry(row: LinkRow) -> dict[str, Any]:
    found = asdict(row)
    for ours, theirs in (("in_effect", "inEffect"), ("delivered_at", "deliveredAt")):
        found[theirs] = found.pop(ours)
    for setting in (found["wanted"], found["inEffect"]):
        setting["mountPath"] = setting.pop("mount_path")
    return found


def _lines(apps: list[SecretsApp]) -> list[str]:
    rows = [(app.name, row) for app in apps for row in link_rows(app)]
    table = list(columns(_HEADING, (_cells(name, row) for name, row in rows)))
    said = [f"{app.name}: {sentence}" for app in apps for sentence in (*problems_of(app), *messages_of(app))]
    return [*(table or ["no App names a Deployment"]), *said]


def _cells(name: str, row: LinkRow) -> tuple[str, ...]:
    digest = row.digest.removeprefix("sha256:")[:_SHOWN_DIGITS]
    wanted, now = row.wanted, row.in_effect
    strategy = _change(f"{now.strategy} {now.mount_path}".strip(), f"{wanted.strategy} {wanted.mount_path}".strip())
    reload = _change(now.reload, wanted.reload)
    cells = (row.environment, row.deployment, row.state, digest, strategy, reload, row.mode, row.delivered_at)
    return (name, *(cell or "-" for cell in cells))


def _change(now: str, wanted: str) -> str:
    """The setting in effect, and the one that the next delivery puts into effect if that is another."""
    return now if now == wanted else f"{now} (next: {wanted})".strip()
