"""Checks a mapping of inputs and the files that it names, and collects every problem before any call is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from krt.cli.problems import collect
from krt.cli.publication import MISSING, kubeconfig_of, read_bundle, why_unusable
from krt.core.delivery.module_inputs import NO_KUBECONFIG, ModuleInputs, read_inputs
from krt.core.delivery.secret_bundle import Bundle, Publication
from krt.errors import SettingsInvalid

_SOURCE = "bundle_source_path"


@dataclass(frozen=True, slots=True)
class Checked:
    """The inputs, and the files that they name. `has_cluster` is False if the kubeconfig does not exist."""

    inputs: ModuleInputs
    publication: Publication
    kubeconfig: Path
    has_cluster: bool


def checked(
    given: object,
    state_folder: Path | None,
    problems: list[str],
    *,
    is_removal: bool = False,
    looks_for_kubeconfig: bool = True,
) -> Checked | None:
    """The checked inputs; None if there are problems, which are added to `problems`.

    For a removal the file may be missing, and so may the kubeconfig: then the cluster is gone. Without `state_folder`
    no state of another module is read: the reason is one of the caller's problems already.
    """
    before = len(problems)
    try:
        inputs = read_inputs(given, is_destroy=is_removal)
    except SettingsInvalid as error:
        problems.extend(error.problems)
        if isinstance(given, Mapping) and not is_removal:
            _check_file_too(given, problems)
        return None
    kubeconfig = collect(problems, lambda: kubeconfig_of(inputs, state_folder)) if state_folder else None
    unusable = why_unusable(kubeconfig) if kubeconfig and looks_for_kubeconfig else ""
    if unusable and not (is_removal and unusable == MISSING):
        problems.append(NO_KUBECONFIG.format(why=unusable, path=kubeconfig))
    key, path = inputs.bundle_key, inputs.bundle_source_path
    bundle = Bundle(key, b"") if is_removal else collect(problems, lambda: read_bundle(key, path))
    if bundle is None or kubeconfig is None or len(problems) > before:
        return None
    publication = Publication(inputs.namespace, inputs.secret_name, bundle, inputs.restart_targets)
    return Checked(inputs, publication, kubeconfig, has_cluster=not unusable)


def _check_file_too(given: Mapping[Any, Any], problems: list[str]) -> None:
    """Look for the file although another input is wrong, so that people get all problems at once."""
    path = given.get(_SOURCE)
    is_usable = isinstance(path, str) and not any(each.startswith(f"inputs.{_SOURCE}") for each in problems)
    if is_usable:
        collect(problems, lambda: read_bundle("", str(path).strip()))
