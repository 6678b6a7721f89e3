"""krt secrets redeliver: asks the controller to deliver an app's values once more."""

import argparse
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from krt.cli.secrets_run import ask, check_names, ended
from krt.core.kube.object_key import ObjectKey
from krt.delivery.app_sources import Sources
from krt.errors import SettingsInvalid


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask for a redelivery. Returns the exit code."""
    return ended(args, lambda: _asked(args, environ))


def _asked(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    problems: list[str] = []
    check_names(args, problems)
    if problems:
        raise SettingsInvalid(tuple(problems))
    token = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(4)}"  # two runs within a second are two

    async def call(sources: Sources) -> ObjectKey:
        namespace = await sources.namespace_of(args.environment, args.namespace)
        return await sources.redeliver(args.app, namespace, token, args.environment if args.move else "")

    key = ask(args, environ, call)
    document = {"secret": {"namespace": key.namespace, "name": key.name}, "token": token}
    return document, [f"{key}: asked for a redelivery; see krt secrets status {args.app}"]
