"""The key of an object within one cluster, and its spelling in Valkey."""

from typing import NamedTuple

_WORKLOADS_GROUP = "apps"


class ObjectKey(NamedTuple):
    """Names an object, independent of the API version that it is read in.

    `group` is "" for the core group; `namespace` is "" for an object that is in none.
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def spell_key(key: ObjectKey) -> str:
    """KIND.GROUP/NAMESPACE/NAME, and KIND/NAMESPACE/NAME for the group `apps`.

    The short form is that of earlier versions, which knew no other group (docs/decisions/0012).
    """
    kind = key.kind if key.group == _WORKLOADS_GROUP else f"{key.kind}.{key.group}"
    return f"{kind}/{key.namespace}/{key.name}"


def read_key(kind: str, namespace: str, name: str) -> ObjectKey:
    """The key that `spell_key` spelled, from the three parts between its slashes. No kind has a dot in it."""
    kind, has_group, group = kind.partition(".")
    return ObjectKey(group if has_group else _WORKLOADS_GROUP, kind, namespace, name)
