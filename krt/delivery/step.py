"""One object of a delivery on its way: its manifest, and the facts that the calls before have found."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from krt.cluster.objects import Applied, Body
from krt.core.delivery.checksum import applied_at, checksum_of, job_version_of
from krt.core.delivery.inventory import Inventory, InventoryEntry, entry_of
from krt.core.delivery.owned_fields import owned_fields
from krt.core.delivery.ownership import Owner, owned
from krt.core.delivery.replicas import SCALABLE, has_replicas, is_scaled, without_replicas
from krt.core.kube.builtin_status import is_complete_job
from krt.core.kube.fields import text_at
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import ObjectChange
from krt.delivery.order import Delivery


@dataclass(slots=True)
class Step:
    """`manifest` has the owner's label. `known` is the inventory's entry; None if krt has never applied the object.

    `may_force`: fields may be taken over from other managers; `own_uid`: in the object with this uid they may, too.
    `takes_over`: other managers have such fields, or kubectl made the object. `is_new`: the dry-run found no such
    object. `seen` is the resource version that the dry-run has answered, which is that of the live object. `replaces`
    is the uid of a Job of another version, which must go first. `applied` is the object after the apply. `has_ended`:
    the Job was seen complete. `is_gone`: it was complete in an earlier delivery, and somebody has removed it since;
    or the object is there and applied only once.
    """

    manifest: Manifest
    checksum: str
    known: InventoryEntry | None
    may_force: bool
    own_uid: str = ""
    takes_over: bool = False
    is_new: bool = False
    seen: str = ""
    replaces: str = ""
    applied: Body | None = None
    has_ended: bool = False
    is_gone: bool = False

    @property
    def key(self) -> ObjectKey:
        """The key of the object."""
        return self.manifest.key

    @property
    def is_job(self) -> bool:
        """Whether the object is a Job."""
        return self.key[:2] == ("batch", "Job")

    @property
    def ended_before(self) -> bool:
        """Whether the Job of this manifest was complete in an earlier delivery."""
        return self.is_job and self.known is not None and self.known.complete == job_version_of(self.manifest.body)

    def forget_end(self) -> None:
        """Somebody has made the Job anew: it is another one than the one that was complete."""
        if self.known:
            self.known = msgspec.structs.replace(self.known, complete="")

    @property
    def body(self) -> Body:
        """The body to apply. With the uid of a complete Job the API server makes no new one: it answers 409."""
        metadata = self.manifest.body["metadata"]
        if not self.ended_before or not isinstance(metadata, dict):
            return dict(self.manifest.body)
        return {**self.manifest.body, "metadata": {**metadata, "uid": self.known.uid if self.known else ""}}

    @property
    def gives_up_replicas(self) -> bool:
        """Whether this is a new version of a workload whose number of replicas krt may own and shall not keep."""
        return self.known is not None and self.key.kind in SCALABLE and not has_replicas(self.manifest.body)

    def leave_replicas(self, live: Body) -> bool:
        """Take the number of replicas out of the manifest if others scale the live object. Returns whether it was."""
        if not (has_replicas(self.manifest.body) and is_scaled(live)):
            return False
        self.manifest = replace(self.manifest, body=without_replicas(self.manifest.body))
        return True

    @property
    def is_unchanged(self) -> bool:
        """Whether the manifest was applied before, so that the API server need not be asked whether it takes it."""
        guarded = text_at(self.manifest.body, "metadata", "resourceVersion")
        return self.known is not None and self.known.checksum == self.checksum and not guarded

    @property
    def version(self) -> str:
        """The resource version of the object once it was applied; "" before."""
        return text_at(self.applied, "metadata", "resourceVersion")

    def before(self) -> InventoryEntry:
        """The entry for the inventory that is written before the first apply."""
        is_created = self.is_new or (self.known is not None and self.known.created)
        entry = self.known if self.known and self.is_unchanged else None
        return entry or entry_of(self.key, self.known.uid if self.known else "", created=is_created)

    def after(self, owner: Owner) -> InventoryEntry:
        """The entry once the object was applied; as before if it was not."""
        if self.applied is None:
            return self.before()
        uid, is_same = text_at(self.applied, "metadata", "uid"), False
        if self.known:
            is_same = self.known.uid in {"", uid}
        return InventoryEntry(
            group=self.key.group,
            kind=self.key.kind,
            namespace=self.key.namespace,
            name=self.key.name,
            uid=uid,
            created=self.is_new or bool(is_same and self.known and self.known.created),
            checksum=self.checksum,
            applied=applied_at(self.applied, owner),
            fields=owned_fields(self.applied, owner),
            complete=self._complete(),
        )

    def _complete(self) -> str:
        is_complete = self.is_job and (self.has_ended or is_complete_job(self.applied or {}))
        return job_version_of(self.manifest.body) if is_complete else ""

    def note(self, applied: Applied, owner: Owner) -> ObjectChange:
        """Keep the object as it was applied. Returns the change."""
        self.applied, self.is_new = applied.body, applied.is_new
        if applied.is_new:
            return ObjectChange.CREATED
        if self.takes_over:
            return ObjectChange.CONFIGURED
        return ObjectChange.UNCHANGED if self._is_as_before(applied.body, owner) else ObjectChange.CONFIGURED

    def _is_as_before(self, body: Body, owner: Owner) -> bool:
        """Compares the version that a dry-run has seen, else the time of the last change, exact to a second."""
        if self.seen:
            return self.seen == text_at(body, "metadata", "resourceVersion")
        return self.known is not None and self.known.applied == applied_at(body, owner)


def steps_of(order: Delivery, inventory: Inventory) -> tuple[Step, ...]:
    """A step for each manifest."""
    known = {entry.key: entry for entry in inventory.entries}
    return tuple(_step(order, manifest, known.get(manifest.key)) for manifest in order.manifests)


def _step(order: Delivery, manifest: Manifest, known: InventoryEntry | None) -> Step:
    body = owned(manifest.body, order.owner)
    own_uid = known.uid if order.forces_own and known else ""
    return Step(replace(manifest, body=body), checksum_of(body), known, order.forces(manifest), own_uid)


def inventory_before(now: Inventory, steps: Iterable[Step]) -> Inventory:
    """The union of the inventory and the wanted objects."""
    return _with(now, [step.before() for step in steps])


def inventory_after(now: Inventory, steps: Iterable[Step], owner: Owner) -> Inventory:
    """The inventory with the uid of each object that was applied."""
    return _with(now, [step.after(owner) for step in steps])


def _with(now: Inventory, entries: list[InventoryEntry]) -> Inventory:
    return now.without({entry.key for entry in entries}).with_entries(entries)
