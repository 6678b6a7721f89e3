"""A workload that a publication restarts, named as kubectl names it: `deployment/web`. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import RESTARTABLE, SHORT_NAMES

_MOST_NAME = 253
_NAME = re.compile(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?")
_SPELLED: Mapping[str, Resource] = {
    **SHORT_NAMES,
    **{each.kind.lower(): each for each in RESTARTABLE.values()},
    **{each.plural: each for each in RESTARTABLE.values()},
}
*_FIRST, _LAST = map(str.lower, RESTARTABLE)
_KINDS = f"{', '.join(_FIRST)} or {_LAST}"


class RestartTarget(NamedTuple):
    """A workload in the namespace of the published Secret, by kind (as in manifests) and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"

    def key(self, namespace: str) -> ObjectKey:
        """The workload's key in the cluster."""
        return RESTARTABLE[self.kind].key(namespace, self.name)


def parse_target(text: str) -> RestartTarget:
    """The target for `KIND/NAME`. KIND may be a short name, a plural or `deployment.apps`.

    Raises ValueError with the end of a sentence; the caller puts the name of the input in front.
    """
    kind, slash, name = text.strip().partition("/")
    resource = _SPELLED.get(kind.lower().removesuffix(".apps"))
    if not slash or resource is None or len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"must be KIND/NAME with the kind {_KINDS}")
    return RestartTarget(resource.kind, name)
