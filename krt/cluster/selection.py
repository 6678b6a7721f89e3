"""The selection of a resource's objects for a list or a watch."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """One object by its name, or the objects that a label selector matches (as in `kubectl -l`); without both, all.

    A role that names objects (`resourceNames`) allows a list or watch of one name at a time.
    """

    name: str = ""
    labels: str = ""

    def params(self) -> dict[str, str]:
        """The parameters for the query of a list or a watch."""
        by_name = {"fieldSelector": f"metadata.name={_escaped(self.name)}"} if self.name else {}
        return by_name | ({"labelSelector": self.labels} if self.labels else {})

    def __str__(self) -> str:
        named = f" named {self.name}" if self.name else ""
        return named + (f" with {self.labels}" if self.labels else "")


EVERYTHING = Selection()


def _escaped(name: str) -> str:
    return re.sub(r"[\\,=]", r"\\\g<0>", name)  # k8s.io/apimachinery, pkg/fields/selector.go
