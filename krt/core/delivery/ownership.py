"""Whose an object is: one field manager and one label for each owner, so that two owners never share an object. Pure.

With one field manager for all owners, two bundles that hold the same object would take each other's fields away and
nobody would meet a conflict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from krt.core.kube.fields import field_at, text_at, texts_at
from krt.core.reason import readable

OWNER = "krt/owner"  # a label: the id of the owner
OWNED_BY = "krt/owned-by"  # an annotation: the owner as people know it
_ID_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner of objects: a BundleDeployment, a module's instance, a bundle, a published Secret."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def id(self) -> str:
        """Ten hexadecimal digits: short enough for a label, however long the name is."""
        return sha256(f"{self.kind}\0{self.name}".encode(errors="surrogatepass")).hexdigest()[:_ID_DIGITS]

    @property
    def field_manager(self) -> str:
        """The field manager that applies its objects."""
        return f"krt-{self.id}"


def owned(body: Mapping[str, object], owner: Owner) -> dict[str, object]:
    """The body with the label and the annotation of this owner; nothing else is changed, and `body` is not."""
    metadata = field_at(body, "metadata")
    labels = {**texts_at(metadata, "labels"), OWNER: owner.id}
    annotations = {**texts_at(metadata, "annotations"), OWNED_BY: str(owner)}
    kept = metadata if isinstance(metadata, Mapping) else {}
    return {**body, "metadata": {**kept, "labels": labels, "annotations": annotations}}


def is_owned(live: Mapping[str, object], owner: Owner) -> bool:
    """Whether the live object bears this owner's label."""
    return text_at(live, "metadata", "labels", OWNER) == owner.id


def conflict_of(live: Mapping[str, object], owner: Owner, is_living: Callable[[str], bool]) -> str | None:
    """Why the live object is neither applied nor deleted for `owner`: another owner has it, and is still there.

    `is_living` tells of an owner's id whether there is still such an owner; nobody is asked of one's own.
    """
    found = text_at(live, "metadata", "labels", OWNER)
    if found in {"", owner.id} or not is_living(found):
        return None
    said = text_at(live, "metadata", "annotations", OWNED_BY)
    return readable(f"managed by {said or f'another owner, {OWNER}={found}'}")
