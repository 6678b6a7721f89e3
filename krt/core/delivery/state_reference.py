"""The name of a module's instance, such as `platform/gcp/gke-kubeconfig#gke_burst`, and its state's file. Pure.

The layout is HybridOps' (runtime/module_state.py and refs.py): the folder of a module is its name with two underscores
for each slash.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_MOST_REFERENCE = 200
_MODULE = re.compile(r"[a-z0-9](?:[a-z0-9_/-]*[a-z0-9])?")
_INSTANCE_SPELLED = "^[a-z0-9][a-z0-9_.-]{0,63}$"
_INSTANCE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class StateReference:
    """A module and one of its instances; the instance is "" if the module was applied without one."""

    module: str
    instance: str = ""

    def __str__(self) -> str:
        return f"{self.module}#{self.instance}" if self.instance else self.module

    @property
    def path(self) -> PurePosixPath:
        """The path of the record, relative to the root of all state."""
        of_module = PurePosixPath("modules") / self.module.replace("/", "__")
        return of_module / "instances" / f"{self.instance}.json" if self.instance else of_module / "latest.json"


def parse_reference(text: str) -> StateReference:
    """The reference for `MODULE` or `MODULE#INSTANCE`; a dot in MODULE means a slash. Raises ValueError."""
    module, has_instance, instance = text.strip().partition("#")
    parts = [part for part in module.replace(".", "/").split("/") if part]
    name = "/".join(parts)
    if len(text) > _MOST_REFERENCE or not _MODULE.fullmatch(name):
        raise ValueError("is not MODULE or MODULE#INSTANCE")
    return StateReference(name, parse_instance(instance) if has_instance else "")


def parse_instance(text: str) -> str:
    """The name of an instance, lower-cased. Raises ValueError."""
    name = text.strip().lower()
    if not _INSTANCE.fullmatch(name):
        raise ValueError(f"state_instance must match {_INSTANCE_SPELLED}")
    return name
