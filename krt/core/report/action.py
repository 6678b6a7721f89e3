"""The action on an object of a report, and the change that the action makes. How far it has come is its state."""

from enum import StrEnum


class Action(StrEnum):
    """What krt does to the object. An event only restarts workloads; a delivery applies and deletes objects, too."""

    RESTART = "restart"
    APPLY = "apply"
    DELETE = "delete"


class ObjectChange(StrEnum):
    """What an apply or a delete has changed, or would change in a dry-run. The first three are kubectl's words."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
