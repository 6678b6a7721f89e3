"""Owners of objects: each has its own field manager and its own label, so that no two owners share an object. Pure.

If all owners had one field manager, two bundles with the same object would remove each other's fields without a
conflict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from krt.core.kube.fields import field_at, text_at, texts_at
from krt.core.reason import readable

OWNER = "krt/owner"  # a label: the id of the owner
OWNED_BY = "krt/owned-by"  # an annotation: the owner's name for people
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
        """The field manager that applies the owner's objects."""
        return f"krt-{self.id}"


def owned(body: Mapping[str, object], owner: Owner) -> dict[str, object]:
    """A copy of the body with the owner's label and annotation. Nothing else differs."""
    metadata = field_at(body, "metadata")
    labels = {**texts_at(metadata, "labels"), OWNER: owner.id}
    annotations = {**texts_at(metadata, "annotations"), OWNED_BY: str(owner)}
    kept = metadata if isinstance(metadata, Mapping) else {}
    return {**body, "metadata": {**kept, "labels": labels, "annotations": annotations}}


def is_owned(live: Mapping[str, object], owner: Owner) -> bool:
    """Whether the live object has this owner's label."""
    return text_at(live, "metadata", "labels", OWNER) == owner.id


def conflict_of(live: Mapping[str, object], owner: Owner, is_living: Callable[[str], bool]) -> str | None:
    """Why the live object must not be applied or deleted for `owner`; None if it may be.

    The reason is another owner that still exists. `is_living` tells whether the owner with an id exists.
    """
    found = text_at(live, "metadata", "labels", OWNER)
    if found in {"", owner.id} or not is_living(found):
        return None
    said = text_at(live, "metadata", "annotations", OWNED_BY)
    return readable(f"managed by {said or f'another owner, {OWNER}={found}'}")
