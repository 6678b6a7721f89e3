"""What names an object in one cluster, and how that is spelled in Valkey."""

from typing import NamedTuple

_WORKLOADS_GROUP = "apps"


class ObjectKey(NamedTuple):
    """An object, whichever version of its API group it is read in. "" is the core group, and it is no namespace."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def spell_key(key: ObjectKey) -> str:
    """KIND.GROUP/NAMESPACE/NAME; of the group `apps` only KIND/NAMESPACE/NAME, as it was when there was no other."""
    kind = key.kind if key.group == _WORKLOADS_GROUP else f"{key.kind}.{key.group}"
    return f"{kind}/{key.namespace}/{key.name}"


def read_key(kind: str, namespace: str, name: str) -> ObjectKey:
    """The key of which these are the three parts. No kind has a dot in it."""
    kind, has_group, group = kind.partition(".")
    return ObjectKey(group if has_group else _WORKLOADS_GROUP, kind, namespace, name)
