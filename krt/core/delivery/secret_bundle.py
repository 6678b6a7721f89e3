"""A file published as a Secret: the write, whether it is a change, and the refusals before it is sent. Pure.

The annotation `hyops.bundle-sha256` has the file's SHA-256. The annotation `krt/restart-pending` lists the restarts
that are still owed. The write that changes the content sets the list, and the list is removed when the last rollout has
ended: so the next run continues a run that ended anywhere (`owed_restarts.py`). The list names the change by an id, and
each restarted workload repeats this id: the same bytes may be published again later, and that is another change.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from krt.core.delivery.ownership import Owner
from krt.core.delivery.pending_restarts import MOST_TARGETS, RESTART_PENDING, Pending, read_pending
from krt.core.delivery.restart_target import RestartTarget
from krt.core.kube.fields import field_at, text_at
from krt.core.kube.manifest import Manifest, read_manifest

BUNDLE_SHA256 = "hyops.bundle-sha256"
MOST_BYTES = 1024 * 1024  # of all values of a Secret together (k8s.io/api, core/v1, MaxSecretSize)
_OPAQUE = "Opaque"
# A version that no object has: etcd counts from 1, and an object's first write is a later one. The API server creates a
# missing object by an apply with any version, and answers 409 if there is an object of another version (measured on
# kube-apiserver 1.36.3). So of two runs that both find no Secret, the second one reads it again.
_OF_NO_OBJECT = "1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The bytes of a file, and the key under which the Secret holds them."""

    key: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in hex."""
        return sha256(self.content).hexdigest()

    @property
    def digest(self) -> str:
        """The SHA-256 of key and bytes, in hex: the same bytes under another key are another bundle."""
        return sha256(self.key.encode() + b"\0" + self.content).hexdigest()

    @property
    def data(self) -> dict[str, str]:
        """The Secret's field `data`."""
        return {self.key: b64encode(self.content).decode()}


@dataclass(frozen=True, slots=True)
class Publication:
    """The wanted Secret, and the workloads of its namespace that krt restarts when the Secret changes."""

    namespace: str
    secret: str
    bundle: Bundle
    targets: tuple[RestartTarget, ...] = ()

    def __str__(self) -> str:
        return str(self.owner)

    @property
    def owner(self) -> Owner:
        """The Secret itself. So all runs have the same field manager, and applying removes an old key."""
        return Owner("Secret", f"{self.namespace}/{self.secret}")


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is written. `reason` is a sentence with the cause and the remedy."""

    reason: str


@dataclass(frozen=True, slots=True)
class Apply:
    """The Secret is applied, by force.

    The body has the resource version of the live Secret, or one that no object has. So the API server answers 409 if
    the Secret was changed or created since it was read: read it and decide again.
    """

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class AsItIs:
    """The Secret holds the bundle: nothing is written. Its list may still owe restarts."""


WriteDecision = Refuse | Apply | AsItIs


def decide_write(publication: Publication, live: Mapping[str, object] | None, *, change: str) -> WriteDecision:
    """The decision about the Secret. `live` is the Secret as it was just read, with its data; None if there is none.

    `change` is a word of digits and small letters that no other run uses: the id of the change, if this is one.
    """
    if reason := _refusal(publication, live):
        return Refuse(reason)
    if live is not None and _holds(live, publication.bundle):
        return AsItIs()
    pending = Pending(publication.bundle.digest, change, with_owed(publication, live).targets)
    is_listed = bool(pending.targets) or bool(text_at(live, "metadata", "annotations", RESTART_PENDING))
    version = text_at(live, "metadata", "resourceVersion") or _OF_NO_OBJECT
    return Apply(_manifest(publication, version, pending if is_listed else None))


def with_owed(publication: Publication, live: Mapping[str, object] | None) -> Publication:
    """The publication with the targets that the list of the live Secret still owes a restart for this bundle, too.

    An earlier run that changed the Secret named these targets, and did not come to its end. If no later run restarted
    them, they would be owed for ever, and their pods would keep the old content.
    """
    try:
        pending = read_pending(live) if live is not None and _has_data(live, publication.bundle) else None
    except ValueError:
        pending = None
    owed = pending.targets if pending and pending.digest == publication.bundle.digest else ()
    return replace(publication, targets=tuple(dict.fromkeys((*publication.targets, *owed)))[:MOST_TARGETS])


def _holds(live: Mapping[str, object], bundle: Bundle) -> bool:
    """Whether key, bytes and annotations of the Secret are those of the bundle: somebody may have changed any."""
    try:
        pending = read_pending(live)
    except ValueError:
        return False
    has_digest = text_at(live, "metadata", "annotations", BUNDLE_SHA256) == bundle.sha256
    return has_digest and _has_data(live, bundle) and (pending is None or pending.digest == bundle.digest)


def _has_data(live: Mapping[str, object], bundle: Bundle) -> bool:
    return text_at(live, "data", bundle.key) == bundle.data[bundle.key]


def _refusal(publication: Publication, live: Mapping[str, object] | None) -> str:
    size = len(publication.bundle.content)
    if size > MOST_BYTES:
        return f"the bundle has {size} bytes, and a Secret holds at most {MOST_BYTES}: publish a smaller file"
    if len(publication.targets) > MOST_TARGETS:
        return f"{len(publication.targets)} restart targets are named, and krt takes at most {MOST_TARGETS}: name fewer"
    kind = text_at(live, "type") or _OPAQUE
    if kind != _OPAQUE:
        return f"{publication} is of type {kind}, which cannot be changed: name another one, or delete it first"
    if live is not None and field_at(live, "immutable") is True and not _has_data(live, publication.bundle):
        return f"{publication} is immutable and holds other bytes: name another one, or delete it first"
    if text_at(live, "metadata", "deletionTimestamp"):
        return f"{publication} is being deleted: try again once it is gone"
    return ""


def _manifest(publication: Publication, resource_version: str, pending: Pending | None) -> Manifest:
    annotations = {BUNDLE_SHA256: publication.bundle.sha256, **({RESTART_PENDING: str(pending)} if pending else {})}
    return read_manifest(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "namespace": publication.namespace,
                "name": publication.secret,
                "annotations": annotations,
                "resourceVersion": resource_version,
            },
            "type": _OPAQUE,
            "data": publication.bundle.data,
        }
    )
