"""A BundleDeployment as the API server sends it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from krt.core.kube.fields import field_at, mapping_at, number_at, text_at, texts_at
from krt.core.rukpak.bundle import pinned_by
from krt.core.rukpak.names import ANNOUNCED, CLASSES, DELETE, FINALIZER, FORCE, UNPACK


@dataclass(frozen=True, slots=True)
class BundleDeployment:
    """One BundleDeployment. `announced` and `unpack` are the texts of these annotations (`names.py`), "" if missing.

    `finalizers` has those of others, too; `status` is the whole status as it was written last.
    """

    name: str
    uid: str
    version: str
    generation: int
    provisioner: str
    announced: str
    unpack: str
    is_forced: bool
    deletes_everything: bool
    is_terminating: bool
    finalizers: tuple[str, ...]
    template: Mapping[str, object] = field(repr=False)
    status: Mapping[str, object] = field(repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether krt takes care of this BundleDeployment: krt leaves one of any other class untouched."""
        return self.provisioner in CLASSES

    @property
    def has_finalizer(self) -> bool:
        """Whether the deletion waits for krt."""
        return FINALIZER in self.finalizers

    @property
    def active_bundle(self) -> str:
        """The name of the Bundle whose objects are installed; "" if none is."""
        return text_at(self.status, "activeBundle")

    @property
    def active_provisioner(self) -> str:
        """The class of that Bundle, which says what form its content has; "" if none is installed."""
        return text_at(self.status, "activeProvisionerClassName")

    @property
    def active_content(self) -> str:
        """The content that is installed, as `RukpakBundle.pinned` names it; "" if none is."""
        return pinned_by(self.status)

    @property
    def content_url(self) -> str:
        """The URL of the content that is installed; "" if none is."""
        return text_at(self.status, "contentURL")

    @property
    def is_asked(self) -> bool:
        """Whether the source must be asked again: for an announcement, or for a new text of krt/unpack."""
        return self.is_announced or self.is_unpacked_anew

    @property
    def is_announced(self) -> bool:
        """Whether an announcement has not been handled yet."""
        return bool(self.announced) and self.announced != text_at(self.status, "handled")

    @property
    def is_unpacked_anew(self) -> bool:
        """Whether the annotation krt/unpack has a new text."""
        return bool(self.unpack) and self.unpack != text_at(self.status, "unpacked")

    @property
    def wish(self) -> tuple[object, ...]:
        """All values that decide about the installation: if one changes, a delivery under way is ended."""
        return (
            self.uid,
            self.generation,
            self.announced,
            self.unpack,
            self.is_forced,
            self.deletes_everything,
            self.is_terminating,
        )


def read_bundle_deployment(body: Mapping[str, object]) -> BundleDeployment:
    """The BundleDeployment of a body. Fields of a wrong type count as absent."""
    annotations = texts_at(body, "metadata", "annotations")
    finalizers = field_at(body, "metadata", "finalizers")
    return BundleDeployment(
        name=text_at(body, "metadata", "name"),
        uid=text_at(body, "metadata", "uid"),
        version=text_at(body, "metadata", "resourceVersion"),
        generation=number_at(body, "metadata", "generation") or 0,
        provisioner=text_at(body, "spec", "provisionerClassName"),
        announced=annotations.get(ANNOUNCED, ""),
        unpack=annotations.get(UNPACK, ""),
        is_forced=annotations.get(FORCE) == "true",
        deletes_everything=annotations.get(DELETE) == "everything",
        is_terminating=bool(text_at(body, "metadata", "deletionTimestamp")),
        finalizers=tuple(map(str, finalizers)) if isinstance(finalizers, list) else (),
        template=mapping_at(body, "spec", "template"),
        status=mapping_at(body, "status"),
    )
