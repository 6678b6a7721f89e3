"""krt apply and krt destroy: publish a file as a Secret, and delete it, by a module's inputs, as in HybridOps."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from krt.cli.problems import collect
from krt.errors import SettingsInvalid

MODULE = "platform/k8s/runtime-bundle-secret"
_DESCRIPTIONS = {
    "apply": "Publish a file as a Secret as the inputs say, and restart the named workloads if the Secret changed.",
    "destroy": "Delete the Secret that `krt apply` published. The namespace and the workloads stay as they are.",
}
_NO_ROOT = (
    "{command} requires explicit runtime selection. Set --env <name> or --root <path> (or HYOPS_ENV/HYOPS_RUNTIME_ROOT)"
)
_ENVIRONMENT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> None:
    """Add `apply` or `destroy` to the commands of krt."""
    from krt.cli.publication_parser import add_command, add_run

    parser = add_command(subparsers, name, summary, _DESCRIPTIONS[name], run)
    module = parser.add_argument_group("module")
    module.add_argument("--module", metavar="MODULE", required=True, help=f"the module: {MODULE}")
    module.add_argument("--inputs", metavar="FILE", required=True, help="the module's inputs, a YAML file")
    module.add_argument(
        "--state-instance",
        metavar="NAME",
        help="the instance, whose name the state record has (default: latest); capitals count as small letters",
    )
    runtime = parser.add_argument_group("runtime")
    runtime.add_argument(
        "--env", metavar="NAME", help="keep state in ~/.hybridops/envs/NAME/state (or the variable HYOPS_ENV)"
    )
    runtime.add_argument(
        "--root", metavar="FOLDER", help="keep state in FOLDER/state instead (or the variable HYOPS_RUNTIME_ROOT)"
    )
    add_run(parser)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Publish the file, or delete the Secret. Returns the exit code."""
    from krt.cli import publication_run

    return publication_run.run(lambda: _read(args, environ), args, environ)


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> Any:
    """The order. Raises SettingsInvalid with every problem."""
    from krt.cli.publication import Order
    from krt.cli.publication_checks import checked
    from krt.core.delivery.state_reference import StateReference, parse_instance
    from krt.delivery.state_file import StateFile

    problems: list[str] = []
    is_removal = args.command == "destroy"
    root = collect(problems, lambda: _root(args, environ))
    collect(problems, lambda: _check_module(args.module))
    given = args.state_instance
    instance = collect(problems, lambda: parse_instance(given)) if given is not None else ""
    before = len(problems)
    inputs = collect(problems, lambda: _inputs(args.inputs))
    folder = root / "state" if root else None
    found = checked(inputs, folder, problems, is_removal=is_removal) if len(problems) == before else None
    if found is None or folder is None or instance is None or problems:
        raise SettingsInvalid(tuple(problems))
    reference = StateReference(MODULE, instance)
    return Order(
        command=f"krt {args.command}",
        publication=found.publication,
        kubeconfig=found.kubeconfig,
        given_as="Resolved kubeconfig_path",
        is_removal=is_removal,
        is_dry_run=args.dry_run,
        has_cluster=found.has_cluster,
        ensure_namespace=found.inputs.ensure_namespace,
        timeout_seconds=found.inputs.rollout_timeout_seconds,
        state=StateFile(folder / reference.path),
        reference=reference,
    )


def _root(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """The folder of the runtime, as HybridOps finds it (runtime/root.py). Raises ValueError."""
    from krt.cli.publication import expanded

    if args.root and args.env:
        raise ValueError("--root and --env are mutually exclusive")
    if root := args.root or (environ.get("HYOPS_RUNTIME_ROOT") if not args.env else ""):
        return expanded(root).absolute()
    env = args.env or environ.get("HYOPS_ENV", "")
    if not env:
        raise ValueError(_NO_ROOT.format(command=args.command))
    if not _ENVIRONMENT.fullmatch(env):
        raise ValueError(f"invalid env name: {env[:100]!r}")
    return expanded("~") / ".hybridops" / "envs" / env


def _check_module(module: str) -> None:
    from krt.core.delivery.state_reference import parse_reference

    try:
        is_known = parse_reference(module).module == MODULE
    except ValueError:
        is_known = False
    if not is_known:
        raise ValueError(f"--module: krt has the module {MODULE} only (found {module[:100]!r})")


def _inputs(path: str) -> Any:
    from krt.cli.publication import expanded
    from krt.cluster.yaml_file import MOST_BYTES, YamlRefused, load_yaml
    from krt.files import FileUnusable, read_file

    file = expanded(path)
    try:
        return load_yaml(read_file(file, most_bytes=MOST_BYTES), distinct=True)
    except FileUnusable as error:
        raise ValueError(f"--inputs: {error}") from error
    except YamlRefused as error:
        raise ValueError(f"--inputs: {file}: {error}") from error
