"""Reads the inputs of HybridOps' module `platform/k8s/runtime-bundle-secret`: values, or every problem at once. Pure.

The sentences are those of the module (validators, k8s_runtime_bundle_secret), wherever it has one. The functions here
look at no file: NO_FILE, A_DIRECTORY and NO_KUBECONFIG are sentences for the code that opens the files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from krt.core.delivery.input_reader import InputReader, shown
from krt.core.delivery.pending_restarts import MOST_TARGETS
from krt.core.delivery.restart_target import RestartTarget, parse_target
from krt.core.delivery.state_reference import StateReference, parse_reference
from krt.errors import SettingsInvalid

MODULE = "platform/k8s/runtime-bundle-secret"

NO_FILE = "inputs.bundle_source_path must point to an existing file on the controller: {path}"
A_DIRECTORY = "inputs.bundle_source_path must point to a file, not a directory: {path}"
NO_KUBECONFIG = "Resolved kubeconfig_path {why}: {path}"

_MOST_SECONDS = 24 * 60 * 60
_KNOWN = (
    "kubeconfig_path",
    "kubeconfig_state_ref",
    "namespace",
    "secret_name",
    "bundle_source_path",
    "bundle_key",
    "ensure_namespace",
    "restart_targets",
    "rollout_timeout_s",
    "kubectl_bin",  # accepted without effect, because krt runs no kubectl
)
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAMESPACE = (re.compile(_LABEL), 63, "small letters, digits and dashes")
_SECRET = (re.compile(rf"{_LABEL}(?:\.{_LABEL})*"), 253, "small letters, digits, dashes and dots")
_KEY = (re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]+"), 253, "letters, digits, dashes, underscores and dots")


@dataclass(frozen=True, slots=True)
class ModuleInputs:
    """The values of the inputs. One of `kubeconfig_path` and `kubeconfig_state` is set; paths are as written.

    `bundle_source_path` may be "" if the Secret is only to be deleted.
    """

    kubeconfig_path: str
    kubeconfig_state: StateReference | None
    namespace: str
    secret_name: str
    bundle_source_path: str
    bundle_key: str
    ensure_namespace: bool
    restart_targets: tuple[RestartTarget, ...]
    rollout_timeout_seconds: int


def read_inputs(inputs: object, *, is_destroy: bool = False) -> ModuleInputs:
    """The values of the inputs. Raises SettingsInvalid with all problems.

    If both a kubeconfig's path and a state are given, the path counts: the sentences about a state that is not ready
    tell people to give the path.
    """
    if not isinstance(inputs, Mapping):
        raise SettingsInvalid(("the inputs must be a mapping of names to values",))
    reader = InputReader(inputs)
    reader.refuse_unknown(_KNOWN)
    path, state = _kubeconfig(reader)
    source = reader.optional_text if is_destroy else reader.text
    read = ModuleInputs(
        kubeconfig_path=path,
        kubeconfig_state=state,
        namespace=reader.name("namespace", *_NAMESPACE),
        secret_name=reader.name("secret_name", *_SECRET),
        bundle_source_path=source("bundle_source_path"),
        bundle_key=reader.name("bundle_key", *_KEY, default="dist.tgz"),
        ensure_namespace=reader.truth("ensure_namespace", default=True),
        restart_targets=_targets(reader),
        rollout_timeout_seconds=reader.count("rollout_timeout_s", 300, _MOST_SECONDS),
    )
    reader.text("kubectl_bin", "kubectl")
    if reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    return read


def _kubeconfig(reader: InputReader) -> tuple[str, StateReference | None]:
    path, reference = reader.optional_text("kubeconfig_path"), reader.optional_text("kubeconfig_state_ref")
    if not (reader.has("kubeconfig_path") or reader.has("kubeconfig_state_ref")):
        reader.problems.append("inputs.kubeconfig_path or inputs.kubeconfig_state_ref is required")
    if path or not reference:
        return path, None
    try:
        return "", parse_reference(reference)
    except ValueError as error:
        reader.problems.append(f"inputs.kubeconfig_state_ref is invalid: {shown(reference)} ({error})")
        return "", None


def _targets(reader: InputReader) -> tuple[RestartTarget, ...]:
    """The targets in their order. A target that is named twice counts once."""
    items = reader.items("restart_targets", MOST_TARGETS, "KIND/NAME")
    found = [_target(reader, f"inputs.restart_targets[{number}]", item) for number, item in enumerate(items, start=1)]
    return tuple(dict.fromkeys(target for target in found if target))


def _target(reader: InputReader, place: str, item: object) -> RestartTarget | None:
    before = len(reader.problems)
    text = reader.checked_text(place, item)
    if len(reader.problems) > before:
        return None
    try:
        return parse_target(text)
    except ValueError as error:
        reader.problems.append(f"{place} {error} (found {shown(text)})")
        return None
