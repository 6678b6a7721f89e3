"""krt secrets redeliver: asks the controller to deliver an app's values once more."""

import argparse
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from krt.cli.secrets_run import ask, check_names, ended
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_time import spelled
from krt.delivery.app_sources import Sources
from krt.errors import SettingsInvalid


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask for a redelivery. Returns the exit code."""
    return ended(args, lambda: _asked(args, environ))


def _asked(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    problems: list[str] = []
    check_names(args, problems)
    if not args.environment and (args.move or args.namespace):
        problems.append("--move and --namespace need --environment, which names the one environment")
    if problems:
        raise SettingsInvalid(tuple(problems))
    token = f"{spelled(datetime.now(UTC))}-{secrets.token_hex(4)}"  # two runs within a second are two

    async def call(sources: Sources) -> list[ObjectKey]:
        names = [args.environment] if args.environment else await sources.environments_of(args.app)
        spaces = [await sources.namespace_of(name, args.namespace) for name in names]
        found = [await sources.source_of(args.app, space) for space in spaces]
        for key in found:
            await sources.redeliver(key, token, args.environment if args.move else "")
        return found

    keys = ask(args, environ, call)
    document = {"secrets": [{"namespace": key.namespace, "name": key.name} for key in keys], "token": token}
    return document, [f"{key}: asked for a redelivery; see krt secrets status {args.app}" for key in keys]
