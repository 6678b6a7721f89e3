"""What the actions of `krt secrets` share: checked names, a call of the API server, and how each of them ends."""

import argparse
import json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import trio

from krt.cli.problems import collect, named
from krt.cli.users_kubeconfig import users_kubeconfig
from krt.client import exits
from krt.client.console import plain
from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.reason import readable
from krt.delivery.app_sources import SourceBusy, Sources
from krt.errors import ClusterError, SettingsInvalid
from krt.output import say, tell
from krt.settings.values import duration

T = TypeVar("T")

_APP = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?\Z", re.ASCII)  # as the CRD has it
_LABEL = re.compile(
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z", re.ASCII
)  # k8s.io/apimachinery, IsValidLabelValue
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z", re.ASCII)


class SecretsFailed(Exception):
    """The API server refuses or does not answer. The message is one sentence."""


def check_names(args: argparse.Namespace, problems: list[str]) -> None:
    """Add a sentence for each name that the API server cannot know."""
    if args.app and not _APP.match(args.app):
        problems.append("APP must be a name of at most 40 small letters, digits and dashes")
    if args.environment and not _LABEL.match(args.environment):
        problems.append("--environment must be the value of a label: at most 63 letters, digits, dashes, _ and dots")
    if args.namespace and not _NAMESPACE.match(args.namespace):
        problems.append("--namespace must be a name of at most 63 small letters, digits and dashes")


def ended(args: argparse.Namespace, work: Callable[[], tuple[Mapping[str, Any], list[str]]]) -> int:
    """Do the work, and print its document or its lines, or why it ended badly. Returns the exit code."""
    try:
        document, lines = work()
    except SettingsInvalid as error:
        return _bad(args, exits.REFUSED, error.problems)
    except ValuesInvalid as error:
        return _bad(args, exits.REFUSED, (str(error),))
    except SecretsFailed as error:
        return _bad(args, exits.FAILED, (str(error),))
    tell(*((json.dumps({"status": "ok", **document}),) if args.output == "json" else lines))
    return exits.DONE


def ask(args: argparse.Namespace, environ: Mapping[str, str], call: Callable[[Sources], Awaitable[T]]) -> T:
    """The result of the call. Raises SettingsInvalid, ValuesInvalid and SecretsFailed."""
    problems: list[str] = []
    seconds = collect(problems, lambda: named("--timeout", duration, args.timeout))
    kubeconfig = collect(problems, lambda: users_kubeconfig(args.kubeconfig, environ))
    if seconds is None or problems:
        raise SettingsInvalid(tuple(problems))
    return trio.run(_asked, kubeconfig, seconds, call)


async def _asked(kubeconfig: Path | None, seconds: float, call: Callable[[Sources], Awaitable[T]]) -> T:
    server, credentials = load_access(kubeconfig)
    reasons: list[str] = []
    try:
        with trio.fail_after(seconds):
            async with http_client(server, connections=2) as client:
                return await call(Sources(Transport(client, credentials), reasons.append))
    except (ClusterError, SourceBusy) as error:
        raise SecretsFailed(readable(str(error))) from error
    except trio.TooSlowError:
        last = f": {readable(reasons[-1])}" if reasons else ""
        raise SecretsFailed(f"{server.url} has not answered within {seconds:g} s (--timeout){last}") from None


def _bad(args: argparse.Namespace, code: int, problems: tuple[str, ...]) -> int:
    for problem in problems:
        say(sys.stderr, f"krt: {plain(problem)}")
    if args.output == "json":
        tell(json.dumps({"status": "error", "problems": [*map(plain, problems)]}))
    return code
