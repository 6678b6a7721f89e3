"""Which objects of a resource a list or a watch is about."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """The object of that name; those with these labels (a selector, as `kubectl -l` takes it); neither: all of them.

    A role that names objects (`resourceNames`) allows to list and watch by name, one at a time.
    """

    name: str = ""
    labels: str = ""

    def params(self) -> dict[str, str]:
        """In the query of a list or a watch."""
        by_name = {"fieldSelector": f"metadata.name={_escaped(self.name)}"} if self.name else {}
        return by_name | ({"labelSelector": self.labels} if self.labels else {})

    def __str__(self) -> str:
        named = f" named {self.name}" if self.name else ""
        return named + (f" with {self.labels}" if self.labels else "")


EVERYTHING = Selection()


def _escaped(name: str) -> str:
    return re.sub(r"[\\,=]", r"\\\g<0>", name)  # k8s.io/apimachinery, pkg/fields/selector.go
