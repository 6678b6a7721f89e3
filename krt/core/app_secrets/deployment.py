"""A Deployment that an App names, as the API server sends it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from krt.core.app_secrets.names import DETACH, IGNORE, MODE
from krt.core.kube.fields import mapping_at, text_at, texts_at
from krt.core.kube.object_fields import Metadata, last_manager


@dataclass(frozen=True, slots=True)
class LinkedDeployment:
    """One Deployment. `mode` is the text of its mutation mode, None if it has none; `body` has what a patch reads."""

    namespace: str
    name: str
    uid: str
    version: str
    mode: str | None
    is_terminating: bool
    body: Mapping[str, object] = field(repr=False)

    @property
    def is_ignored(self) -> bool:
        """Whether krt keeps its hands off. An unknown mode counts as `ignore`, which harms least."""
        return self.mode is not None and self.mode != DETACH

    @property
    def is_detached(self) -> bool:
        """Whether nothing of krt's is to be left."""
        return self.mode == DETACH

    @property
    def has_unknown_mode(self) -> bool:
        """Whether the mode is a text that means nothing."""
        return self.mode not in {None, IGNORE, DETACH}

    @property
    def last_manager(self) -> str:
        """The field manager that wrote after krt; "" if that is not sure."""
        try:
            return last_manager(msgspec.convert(mapping_at(self.body, "metadata"), Metadata))[0]
        except msgspec.ValidationError:
            return ""


def read_deployment(body: Mapping[str, object]) -> LinkedDeployment:
    """The Deployment of a body. Fields of a wrong type count as absent."""
    metadata = mapping_at(body, "metadata")
    return LinkedDeployment(
        namespace=text_at(metadata, "namespace"),
        name=text_at(metadata, "name"),
        uid=text_at(metadata, "uid"),
        version=text_at(metadata, "resourceVersion"),
        mode=texts_at(metadata, "annotations").get(MODE),
        is_terminating=bool(text_at(metadata, "deletionTimestamp")),
        body={"metadata": metadata, "spec": {"template": mapping_at(body, "spec", "template")}},
    )
