"""Whether two workers mean the same cluster (docs/correctness.md, C1). Pure.

A cluster outlives its certificates, authorities and addresses. The namespace `kube-system` lives as long as the
cluster. If both identities have the uid of this namespace, it decides alone. Otherwise the uids of other objects of the
cluster are compared, and one that is equal in both is enough. If no uid can be compared, the addresses and the public
keys of the certificate authorities are compared.
"""

from collections.abc import Mapping
from enum import Enum, auto

import msgspec

_MOST_PARTS = 64


class Likeness(Enum):
    """The result of comparing two identities."""

    SAME = auto()
    ANOTHER = auto()
    UNKNOWN = auto()  # no uid is in both identities, and the addresses or the authorities differ


class ClusterIdentity(msgspec.Struct, frozen=True, omit_defaults=True):
    """The identity of a cluster as one worker sees it. A field is empty if the worker's account may not read it.

    `cluster`: the uid of the namespace kube-system. `parts`: uids of other objects, by a name for each kind of object.
    `server`: the API server's URL. `authorities`: the SHA-256 of the public key of each authority that may sign the
    API server's certificate; empty if it may be any authority of the operating system.
    """

    cluster: str = ""
    parts: Mapping[str, str] = {}
    server: str = ""
    authorities: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The text that is stored in Valkey; `parse_identity` reads it."""
        return msgspec.json.encode(self).decode()


def parse_identity(text: bytes) -> ClusterIdentity | None:
    """The identity that `to_json` wrote; None if `text` is anything else."""
    try:
        return msgspec.json.decode(text, type=ClusterIdentity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def compare(known: ClusterIdentity, own: ClusterIdentity) -> Likeness:
    """Whether both identities are of one cluster. The first kind of evidence that both have decides."""
    if known.cluster and own.cluster:
        return _like(same=known.cluster == own.cluster)
    if shared := known.parts.keys() & own.parts.keys():
        return _like(same=any(known.parts[part] == own.parts[part] for part in shared))
    return Likeness.SAME if _is_same_server(known, own) else Likeness.UNKNOWN


def merge(known: ClusterIdentity, own: ClusterIdentity) -> ClusterIdentity:
    """One identity with the evidence of both, which are of the same cluster.

    So a worker with other rights can later compare the evidence that it may read. If both differ in something, `own`
    counts. Of more than 64 parts the newest stay.
    """
    parts = {**{name: uid for name, uid in known.parts.items() if name not in own.parts}, **own.parts}
    newest = dict(list(parts.items())[-_MOST_PARTS:])
    return ClusterIdentity(own.cluster or known.cluster, newest, own.server, own.authorities)


def _like(*, same: bool) -> Likeness:
    return Likeness.SAME if same else Likeness.ANOTHER


def _is_same_server(known: ClusterIdentity, own: ClusterIdentity) -> bool:
    # An equal address alone is not evidence: seen from a pod, it is 10.96.0.1 in nearly every cluster.
    if known.server != own.server:
        return False
    return bool(set(known.authorities) & set(own.authorities)) or not (known.authorities or own.authorities)
