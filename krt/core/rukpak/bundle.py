"""A Bundle as the API server sends it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from krt.core.kube.fields import items_at, mapping_at, number_at, text_at, texts_at
from krt.core.rukpak.names import CLASSES, OWNER_NAME


@dataclass(frozen=True, slots=True)
class RukpakBundle:
    """One Bundle. `source` is `spec.source` as sent, `owner` the uid of its controller, a BundleDeployment; "" if none.

    `status` is the whole status as it was written last; empty if there is none.
    """

    name: str
    uid: str
    version: str
    generation: int
    provisioner: str
    owner: str
    owner_name: str
    is_terminating: bool
    source: Mapping[str, object] = field(repr=False)
    status: Mapping[str, object] = field(repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether krt takes care of this Bundle: krt has its class, and it is not being deleted."""
        return self.provisioner in CLASSES and not self.is_terminating

    @property
    def pinned(self) -> str:
        """The name of the content that was unpacked: an image's reference by digest, a commit; "" if there is none."""
        return pinned_by(self.status)

    @property
    def content_url(self) -> str:
        """The URL of the content that was unpacked; "" if there is none."""
        return text_at(self.status, "contentURL")


def read_bundle(body: Mapping[str, object]) -> RukpakBundle:
    """The Bundle of a body. Fields of a wrong type count as absent."""
    owners = (each for each in items_at(body, "metadata", "ownerReferences") if each.get("controller") is True)
    return RukpakBundle(
        name=text_at(body, "metadata", "name"),
        uid=text_at(body, "metadata", "uid"),
        version=text_at(body, "metadata", "resourceVersion"),
        generation=number_at(body, "metadata", "generation") or 0,
        provisioner=text_at(body, "spec", "provisionerClassName"),
        owner=text_at(next(owners, {}), "uid"),
        owner_name=texts_at(body, "metadata", "labels").get(OWNER_NAME, ""),
        is_terminating=bool(text_at(body, "metadata", "deletionTimestamp")),
        source=mapping_at(body, "spec", "source"),
        status=mapping_at(body, "status"),
    )


def pinned_by(status: Mapping[str, object]) -> str:
    """The content that `resolvedSource` of a status names: an image by its digest, a commit; "" if there is none.

    Sources without a name for their content, http and configMaps, are pinned by `contentURL`.
    """
    source = mapping_at(status, "resolvedSource")
    image, commit = text_at(source, "image", "ref"), text_at(source, "git", "ref", "commit")
    return image or commit or (text_at(status, "contentURL") if source else "")
