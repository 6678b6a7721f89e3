"""The action on an object of a report, and the change that the action makes. The object's state says how far it is."""

from enum import StrEnum


class Action(StrEnum):
    """The action of krt on the object. Events only restart workloads; a delivery applies and deletes objects, too."""

    RESTART = "restart"
    APPLY = "apply"
    DELETE = "delete"


class ObjectChange(StrEnum):
    """The change by an apply or a delete, in a dry-run the one that it would make. The words are kubectl's."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
