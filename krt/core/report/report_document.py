"""The document of a report: krt web sends it, the page shows it, and `krt notify` reads it. Pure.

A delivery's report is such a document, too (`krt.core.delivery.delivery_report`). It has no image, no tags and no
origin.

A reader may meet the document of an older or newer krt web. So most fields have a default, and a state may be a word
that the reader does not know. The field `final` says whether the state is final; if the field is missing, the states
known here decide. A field that is UNSET is left out of the JSON.
"""

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import RESTARTABLE
from krt.core.report.action import Action
from krt.core.report.report import FINAL, FINAL_GROUPS
from krt.core.report.target import FINAL_TARGETS, Target

ABSENT, LEFT = "absent", "left"  # states of a cluster in addition to those of GroupState


class ListedTarget(msgspec.Struct, frozen=True):
    """One object, and the action of krt on it.

    `action` is one of Action, `change` one of ObjectChange: each may be a word that the reader does not know. Events
    have no `change`, and no `group`. `updated`, `available` and `desired` are numbers of pods; `seconds` counts since
    the action. `digest` is that of the delivered bundle.
    """

    cluster: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    state: str = ""
    updated: int | None = None
    available: int | None = None
    desired: int | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    reason: str | UnsetType | None = None
    final: bool | None = None
    action: str = Action.RESTART
    change: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET
    digest: str | UnsetType | None = UNSET

    @property
    def key(self) -> tuple[str, ...]:
        """The values that tell this target from the others of the document."""
        return self.cluster, self.kind, self.group or "", self.namespace, self.name, self.action

    @property
    def is_settled(self) -> bool:
        """Whether the object's state is final."""
        return self.state in FINAL_TARGETS if self.final is None else self.final


def list_target(cluster: str, key: ObjectKey, target: Target) -> ListedTarget:
    """The target of the object `key` as the document of an event lists it."""
    has_pods = key.kind in RESTARTABLE
    return ListedTarget(
        cluster,
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        state=target.state,
        updated=target.updated if has_pods else None,
        available=target.available if has_pods else None,
        desired=target.desired if has_pods else None,
        seconds=target.seconds,
        warnings=target.warnings,
        reason=target.reason or UNSET,
        final=target.final,
        digest=target.digest or UNSET,
    )


class ListedCluster(msgspec.Struct, frozen=True):
    """One cluster. `more` is the number of its workloads that the document does not list.

    `seen_at` is the RFC 3339 time at which its workers last said that they are alive.
    """

    name: str = ""
    state: str = ""
    reason: str | UnsetType | None = None
    more: int | UnsetType | None = None
    seen_at: str | UnsetType | None = None
    final: bool | None = None

    @property
    def is_absent(self) -> bool:
        """Whether the event waits for the cluster's workers, and the workers are silent."""
        return self.state == ABSENT

    @property
    def has_left(self) -> bool:
        """Whether the cluster's last worker was stopped before the event, so that the event does not wait for it."""
        return self.state == LEFT

    @property
    def is_settled(self) -> bool:
        """Whether the cluster's state is final."""
        return self.state in FINAL_GROUPS if self.final is None else self.final


class DocumentOrigin(msgspec.Struct, frozen=True):
    """Who announced the event, by claims of the job's token: the repository as owner/name, and the URL of the run."""

    repository: str | None = None
    run: str | None = None
    ref: str | UnsetType | None = UNSET
    sha: str | UnsetType | None = UNSET
    actor: str | UnsetType | None = UNSET


class Document(msgspec.Struct, frozen=True):
    """The whole document. `accepted_at` is an RFC 3339 time."""

    id: str
    state: str
    image: str = ""
    tags: tuple[str, ...] = ()
    accepted_at: str | None = None
    by: DocumentOrigin | None = None
    clusters: tuple[ListedCluster, ...] = ()
    targets: tuple[ListedTarget, ...] = ()
    final: bool | None = None
    dry_run: bool | UnsetType | None = UNSET

    @property
    def is_final(self) -> bool:
        """Whether the event's state is final."""
        return self.state in FINAL if self.final is None else self.final

    def without_sightings(self) -> "Document":
        """A copy without the `seen_at` of living clusters. To compare two documents: `seen_at` changes all the time."""
        clusters = (each if each.is_absent or each.has_left else replace(each, seen_at=UNSET) for each in self.clusters)
        return replace(self, clusters=tuple(clusters))
