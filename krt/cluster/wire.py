"""Decodes the JSON of the API server: pages of a list, lines of a watch, refusals.

A `Reader`, one for each resource, decodes some fields of an object and makes krt's value from them. If an object
of a page cannot be decoded, the page is decoded object by object, and only this object is left out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.logs import Log

log = Log("cluster")

T = TypeVar("T")
F = TypeVar("F")

# The errors of decoding. For a text that is not UTF-8 and for nesting that is too deep, msgspec raises Python's own.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str | None = msgspec.field(name="continue", default=None)


class _Page(msgspec.Struct, Generic[F]):
    metadata: _ListMetadata
    items: list[F] | None = None


class _Versioned(msgspec.Struct):
    metadata: _ListMetadata


class WatchLine(msgspec.Struct):
    """One line of a watch. `type` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class Cause(msgspec.Struct, frozen=True):
    """One of the causes of a refusal. `reason` is a code, such as FieldManagerConflict or FieldValueInvalid."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(msgspec.Struct, frozen=True, rename="camel"):
    """The details of a refusal. `name` and `kind` are "" if the refusal concerns no object."""

    name: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True):
    """The Status object in the body of an API server's refusal."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes, if the server names any."""
        return (self.details and self.details.causes) or ()


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    uid: str = ""


class _Odd(msgspec.Struct):
    metadata: _Named


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """One page of a list. `continue_token` asks for the next page, and is None on the last one.

    An object is made when it is taken from `objects`, so the iterator can be used once.
    """

    objects: Iterator[T]
    resource_version: str
    continue_token: str | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object of which only the key and the version could be decoded."""

    key: ObjectKey
    resource_version: str
    problem: str


_raw_page = msgspec.json.Decoder(_Page[msgspec.Raw])
_versioned = msgspec.json.Decoder(_Versioned)
_line = msgspec.json.Decoder(WatchLine)
_status = msgspec.json.Decoder(Status)
_odd = msgspec.json.Decoder(_Odd)


@dataclass(frozen=True, slots=True)
class Form:
    """The Accept headers with which krt asks for objects: `page` for a list, `one` for a watch or a single object."""

    page: str = "application/json"
    one: str = "application/json"


WHOLE = Form()
# A server that cannot send metadata alone sends whole objects. Source: kubernetes.io/docs, "Kubernetes API concepts".
METADATA_ALONE = Form(
    page="application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
    one="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
)


class Reader(Generic[T]):
    """Reads objects of one resource: decodes each into the type `fields`, and makes krt's value from it with `make`."""

    def __init__(self, resource: Resource, fields: type[F], make: Callable[[F], T], form: Form = WHOLE) -> None:
        self.resource = resource
        self.form = form
        self._make: Callable[[Any], T] = make
        self._object: msgspec.json.Decoder[Any] = msgspec.json.Decoder(fields)
        self._page: msgspec.json.Decoder[_Page[Any]] = msgspec.json.Decoder(_Page[fields])  # type: ignore[valid-type]

    def page(self, body: bytes) -> ListPage[T]:
        """A page of the objects that can be decoded. Raises one of UNREADABLE if the body is not a list."""
        try:
            page = self._page.decode(body)
            items: Iterable[Any] = page.items or []
        except UNREADABLE:
            raw = _raw_page.decode(body)
            return self._assembled(raw.metadata, filter(None, map(self._one_or_none, raw.items or [])))
        return self._assembled(page.metadata, items)

    def one(self, body: bytes | msgspec.Raw) -> T:
        """One object. Raises one of UNREADABLE."""
        return self._make(self._object.decode(body))

    def changed(self, body: msgspec.Raw) -> T | Unreadable:
        """One object of a watch. Raises one of UNREADABLE if not even the object's metadata can be read."""
        try:
            return self.one(body)
        except UNREADABLE as error:
            found = _odd.decode(body).metadata
            key = self.resource.key(found.namespace, found.name)
            return Unreadable(key, found.resource_version, str(error))

    def _assembled(self, metadata: _ListMetadata, items: Iterable[Any]) -> ListPage[T]:
        return ListPage(map(self._make, items), metadata.resource_version, metadata.continue_ or None)

    def _one_or_none(self, raw: msgspec.Raw) -> Any:
        try:
            return self._object.decode(raw)
        except UNREADABLE as error:
            log.warning("object_unreadable", problem=error)
            return None


def read_line(line: bytes) -> WatchLine:
    """One line of a watch. Raises one of UNREADABLE."""
    return _line.decode(line)


def read_version(body: bytes | msgspec.Raw) -> str:
    """The resource version of a list or of a bookmark. Raises one of UNREADABLE."""
    return _versioned.decode(body).metadata.resource_version


def read_uid(body: bytes) -> str:
    """The uid of any object; "" if it has none. Raises one of UNREADABLE."""
    return _odd.decode(body).metadata.uid


def read_status(body: bytes | msgspec.Raw) -> Status:
    """The Status in a refusal's body; an empty one if there is none, as in a proxy's refusal."""
    try:
        return _status.decode(body)
    except UNREADABLE:
        return Status()
