"""krt publish and krt unpublish: publish a file as a Secret, and delete that Secret. Flags give the inputs."""

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from krt.cli.problems import collect, named
from krt.errors import SettingsInvalid

_DESCRIPTIONS = {
    "publish": (
        "Publish FILE as a Secret, and restart the named workloads if the Secret changed. The same command continues a "
        "run that was killed or failed."
    ),
    "unpublish": "Delete a Secret that `krt publish` made. The namespace and the workloads stay as they are.",
}
# The names that sentences about inputs have, and the flags that give these inputs here.
_FLAGS = {
    "namespace": "--namespace",
    "secret_name": "--secret",
    "bundle_source_path": "FILE",
    "bundle_key": "--key",
    "restart_targets": "--restart",
}
_UNNAMED = "dist.tgz"  # for a FILE such as `.`: that it is a directory is its only problem
_INPUT = re.compile(rf"\binputs\.({'|'.join(_FLAGS)})(?:\[[0-9]+\])?")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `publish` or `unpublish` to the commands of krt."""
    from krt.cli.publication_parser import add_command, add_run
    from krt.cli.shared_flags import add_kubeconfig

    parser = add_command(subparsers, name, summary, _DESCRIPTIONS[name], run)
    secret = parser.add_argument_group("Secret")
    if name == "publish":
        secret.add_argument("file", metavar="FILE", help="the file, of 1 MiB at most")
    secret.add_argument("-n", "--namespace", metavar="NAME", required=True, help="the Secret's namespace")
    secret.add_argument("--secret", metavar="NAME", required=True, help="the Secret's name")
    rollout = parser.add_argument_group("rollout" if name == "publish" else "deletion")
    if name == "publish":
        _add_publishing(secret, rollout)
    taking = "each rollout" if name == "publish" else "the deletion"
    rollout.add_argument(
        "--timeout", metavar="DURATION", default="5m", help=f"how long {taking} may take (default: 5m)"
    )
    add_kubeconfig(parser.add_argument_group("cluster"))
    add_run(parser).add_argument(
        "--state", metavar="FILE", help="write how the run ended, and its outputs, into this file (default: nowhere)"
    )


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Publish the file, or delete the Secret. Returns the exit code."""
    from krt.cli import publication_run

    return publication_run.run(lambda: _read(args, environ), args, environ)


def _add_publishing(secret: "argparse._ArgumentGroup", rollout: "argparse._ArgumentGroup") -> None:
    secret.add_argument("--key", metavar="KEY", help="the key that holds the file (default: the file's name)")
    secret.add_argument(
        "--no-create-namespace", action="store_true", help="fail if the namespace does not exist (default: create it)"
    )
    rollout.add_argument(
        "--restart",
        metavar="KIND/NAME",
        action="append",
        default=[],
        help="a workload of the namespace to restart if the Secret changed, such as deployment/web; may be repeated",
    )


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> Any:
    """The order. Raises SettingsInvalid with every problem."""
    from krt.cli.publication import Order, expanded
    from krt.cli.publication_checks import checked
    from krt.cli.users_kubeconfig import users_kubeconfig
    from krt.delivery.state_file import StateFile
    from krt.settings.values import duration

    problems: list[str] = []
    is_removal = args.command == "unpublish"
    seconds = collect(problems, lambda: named("--timeout", duration, args.timeout))
    kubeconfig = collect(problems, lambda: users_kubeconfig(args.kubeconfig, environ))
    wrong: list[str] = []
    given = {**_inputs(args), "kubeconfig_path": str(kubeconfig or os.devnull)}
    found = checked(given, Path(), wrong, is_removal=is_removal, looks_for_kubeconfig=False)
    problems += [_in_flags(text, has_key=is_removal or args.key is not None) for text in wrong]
    if found is None or seconds is None or problems:
        raise SettingsInvalid(tuple(problems))
    return Order(
        command=f"krt {args.command}",
        publication=found.publication,
        kubeconfig=kubeconfig,
        is_removal=is_removal,
        is_dry_run=args.dry_run,
        ensure_namespace=not (is_removal or args.no_create_namespace),
        ensuring="leave out --no-create-namespace",
        timeout_seconds=seconds,
        state=StateFile(expanded(args.state).absolute()) if args.state else None,
    )


def _in_flags(problem: str, *, has_key: bool) -> str:
    """The sentence about an input as one about the flag that gives it here."""
    sentence = _INPUT.sub(lambda name: _FLAGS[name[1]], problem).replace(" on the controller", "")
    is_of_name = sentence.startswith("--key ") and not has_key
    return f"{sentence}: the file's name is no key, so give one" if is_of_name else sentence


def _inputs(args: argparse.Namespace) -> dict[str, Any]:
    """The flags under the names that the module's inputs have."""
    given = {"namespace": args.namespace, "secret_name": args.secret}
    if args.command == "unpublish":
        return given
    name = Path(args.file).name or _UNNAMED
    key = name if args.key is None else args.key
    return {**given, "bundle_source_path": args.file, "bundle_key": key, "restart_targets": args.restart}
