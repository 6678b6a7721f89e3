"""Which cluster this is, by what an operator does not replace, and whether two accounts mean the same one (C1). Pure.

Certificates, authorities and addresses are replaced while the cluster stays. The uid of its namespace `kube-system` is
made with the cluster and dies with it: it decides alone where both accounts have it. Next come uids of things that live
in the cluster: one that both accounts have in common is enough. Only where neither can be compared does the address
count, together with the keys of the authorities that sign for it.
"""

from collections.abc import Mapping
from enum import Enum, auto

import msgspec

_MOST_PARTS = 64


class Likeness(Enum):
    """What a comparison came to."""

    SAME = auto()
    ANOTHER = auto()
    UNKNOWN = auto()  # nothing that stays is in both accounts


class ClusterIdentity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker could find out. Each part is empty where its account may not read it.

    `cluster`: the uid of the namespace kube-system. `parts`: uids of other things of the cluster, by what each is.
    `server`: its URL. `authorities`: the SHA-256 of each public key that may sign for it, none: the system's.
    """

    cluster: str = ""
    parts: Mapping[str, str] = {}
    server: str = ""
    authorities: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


def parse_identity(text: bytes) -> ClusterIdentity | None:
    """What `to_json` wrote; None where it is something else."""
    try:
        return msgspec.json.decode(text, type=ClusterIdentity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def compare(known: ClusterIdentity, own: ClusterIdentity) -> Likeness:
    """Whether both are accounts of one cluster: the first kind of evidence that both have decides."""
    if known.cluster and own.cluster:
        return _like(same=known.cluster == own.cluster)
    if shared := known.parts.keys() & own.parts.keys():
        return _like(same=any(known.parts[part] == own.parts[part] for part in shared))
    return Likeness.SAME if _is_same_server(known, own) else Likeness.UNKNOWN


def merge(known: ClusterIdentity, own: ClusterIdentity) -> ClusterIdentity:
    """Both accounts of the same cluster in one: a worker with fewer rights, or more, finds its evidence in it later."""
    parts = {**{name: uid for name, uid in known.parts.items() if name not in own.parts}, **own.parts}
    newest = dict(list(parts.items())[-_MOST_PARTS:])
    return ClusterIdentity(own.cluster or known.cluster, newest, own.server, own.authorities)


def _like(*, same: bool) -> Likeness:
    return Likeness.SAME if same else Likeness.ANOTHER


def _is_same_server(known: ClusterIdentity, own: ClusterIdentity) -> bool:
    # The address alone is no evidence: within a cluster it is 10.96.0.1 nearly everywhere.
    if known.server != own.server:
        return False
    return bool(set(known.authorities) & set(own.authorities)) or not (known.authorities or own.authorities)
