"""The JSON fields of metadata that krt reads of each object that an event reaches. Pure."""

from sys import intern

import msgspec

from krt.core.kube.workload import ANNOUNCED, CAUSE, MARK, OPT, RESTARTED_AT

FIELD_MANAGER = "krt"  # the name in managedFields under which krt restarts workloads
_SELVES = {FIELD_MANAGER, "kube-controller-manager", "k3s"}  # the other two write a Deployment's revision number


class Annotations(msgspec.Struct):
    """krt's own annotations, and that of `kubectl rollout restart`."""

    mark: str | None = msgspec.field(name=MARK, default=None)
    announced: str | None = msgspec.field(name=ANNOUNCED, default=None)
    cause: str | None = msgspec.field(name=CAUSE, default=None)
    opt: str | None = msgspec.field(name=OPT, default=None)
    restarted_at: str | None = msgspec.field(name=RESTARTED_AT, default=None)


class _ManagedFields(msgspec.Struct):
    manager: str = ""
    time: str = ""
    subresource: str = ""


class Metadata(msgspec.Struct, rename="camel"):
    """The metadata of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    annotations: Annotations | None = None
    managed_fields: list[_ManagedFields] | None = None


def last_manager(metadata: Metadata) -> tuple[str, str]:
    """The field manager that wrote last, and the time, if that is later than krt's last write; otherwise twice "".

    The name is "" if krt cannot be sure who it was. The controllers of workloads do not count.
    """
    # The last entry alone is not enough: removing a field leaves no trace in managedFields, so krt would blame a
    # bystander. Only writers newer than krt count. Timestamps have whole seconds, so a writer in krt's own second does
    # not count, and two writers in the last second are unsure.
    entries = metadata.managed_fields or ()
    own_time = max((each.time for each in entries if each.manager == FIELD_MANAGER), default="")
    others = [e for e in entries if e.time > own_time and not (e.subresource or e.manager in _SELVES)]
    time = max((each.time for each in others), default="")
    last = {each.manager for each in others if each.time == time}
    return (intern(last.pop()), time) if len(last) == 1 else ("", time)
