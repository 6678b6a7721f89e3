"""Writes the status of a document, such as a Bundle, if it differs, at the version that was read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from krt.cluster import objects
from krt.cluster.transport import Transport
from krt.controller.documents import Documents, KeptDocument
from krt.core.kube.fields import mapping_at, text_at
from krt.core.kube.merge_patch import merge_patch
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.errors import Conflict, NotThere

_MOST_TRIES = 5


Now = Callable[[], datetime]


class WithStatus(KeptDocument, Protocol):
    """A document with a status."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def status(self) -> Mapping[str, object]:
        """Its status; empty if there is none."""
        ...


T = TypeVar("T", bound=WithStatus)


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


async def write_status(transport: Transport, documents: Documents[T], known: T, wanted: Mapping[str, Any]) -> T:
    """The document with the status `wanted`. Nothing is sent if it has that already.

    If the object has changed otherwise since it was read, its status is written all the same. Raises Conflict if
    somebody else has written a status meanwhile, and NotThere if it is another object now.
    """
    if known.status == wanted:
        return known
    key, version = documents.resource.key("", known.name), known.version
    status = merge_patch(known.status, wanted)
    for _ in range(_MOST_TRIES):
        fields = {"metadata": {"uid": known.uid, "resourceVersion": version}, "status": status}
        try:
            return documents.take(
                await objects.merge_status(transport, documents.resource, key, fields, manager=FIELD_MANAGER)
            )
        except Conflict as error:
            live = await objects.read(transport, documents.resource, key)
            if text_at(live, "metadata", "uid") != known.uid:
                raise NotThere(f"{key} was made anew") from error
            if mapping_at(live, "status") not in (known.status, wanted):
                documents.take(live)
                raise
            version = text_at(live, "metadata", "resourceVersion")
    raise Conflict(f"{key} changes all the time")
