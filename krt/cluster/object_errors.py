"""The errors of the calls in krt.cluster.objects, in addition to those in krt/errors.py that every call may raise.

Their messages have the API server's own sentence. Only NotServed and ObjectTooLarge have a sentence that krt wrote.
"""

from typing import NamedTuple

from krt.errors import ClusterRefused, ClusterUnavailable, Conflict, NotThere


class OwnedField(NamedTuple):
    """A field that an apply would change, such as `.spec.replicas`, and the field manager that owns the field."""

    manager: str
    field: str


class InvalidField(NamedTuple):
    """A field that breaks a rule, and how. `field` is a path such as `spec.ports[0].port`, or "" if unnamed."""

    field: str
    problem: str


class FieldConflict(Conflict):
    """409: other field managers own fields that the apply would change, and the apply was not forced."""

    def __init__(self, problem: str, fields: tuple[OwnedField, ...]) -> None:
        super().__init__(problem)
        self.fields = fields


class AlreadyThere(Conflict):
    """409: an object of this name exists already."""


class PreconditionFailed(Conflict):
    """409: the object does not have the uid or version that the call named, so it was recreated or changed."""


class NotServed(NotThere):
    """404: the API server does not serve the kind in this version, or not yet: a new CRD takes a moment."""


class ObjectInvalid(ClusterRefused):
    """422: the object breaks rules of its kind; or 500: an apply has a field that the kind does not know.

    `fields` are the causes that the server names, in its order, and may be empty.
    """

    def __init__(self, problem: str, fields: tuple[InvalidField, ...]) -> None:
        super().__init__(problem)
        self.fields = fields


class ObjectTooLarge(ClusterRefused):
    """The object is longer than an API server accepts. It was not sent."""


class TooManyRequests(ClusterUnavailable):
    """429: the API server has too much to do. `retry_after_seconds` is 0 if it does not say when to ask again."""
