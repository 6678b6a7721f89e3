"""What an API server may answer to the calls of krt.cluster.objects, besides what krt/errors.py has for every call.

Each carries the server's own sentence.
"""

from typing import NamedTuple

from krt.errors import ClusterRefused, ClusterUnavailable, Conflict, NotThere


class OwnedField(NamedTuple):
    """A field that an apply would change, and the field manager that owns it. `field`: `.spec.replicas`."""

    manager: str
    field: str


class InvalidField(NamedTuple):
    """A field that breaks a rule, and how. `field`: `spec.ports[0].port`; "" where the server names none."""

    field: str
    problem: str


class FieldConflict(Conflict):
    """409: other field managers own fields that the apply would change, and it was not forced."""

    def __init__(self, problem: str, fields: tuple[OwnedField, ...]) -> None:
        super().__init__(problem)
        self.fields = fields


class AlreadyThere(Conflict):
    """409: an object of this name exists already."""


class PreconditionFailed(Conflict):
    """409: the object has another uid or version than the call named: it was made anew, or changed."""


class NotServed(NotThere):
    """404: the API server knows no such kind in this version (yet: a CRD takes a moment)."""


class ObjectInvalid(ClusterRefused):
    """422: the object breaks rules of its kind. `fields` are the server's causes, in its order; it may give none."""

    def __init__(self, problem: str, fields: tuple[InvalidField, ...]) -> None:
        super().__init__(problem)
        self.fields = fields


class ObjectTooLarge(ClusterRefused):
    """The object is longer than an API server takes; it was not sent."""


class TooManyRequests(ClusterUnavailable):
    """429: the API server has no room just now. `retry_after_seconds`: when to ask again; 0 if it did not say."""
