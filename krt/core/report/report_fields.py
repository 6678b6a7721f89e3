"""How a report is stored in Valkey: one hash with the event's fields, and a field for each group and target. Pure.

A field may be unreadable, because somebody wrote it by hand or a newer krt did. The report stays readable, and shows
the group or target of that field as waiting.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey, read_key, spell_key
from krt.core.report.report import Group, GroupState, Report
from krt.core.report.target import Target, TargetState

S = TypeVar("S", bound=msgspec.Struct)

_UNREADABLE = "its record in Valkey cannot be read"
ODD_TARGET = Target(TargetState.WAITING, reason=_UNREADABLE)
ODD_GROUP = Group(GroupState.WAITING, reason=_UNREADABLE)


class _Word(msgspec.Struct):
    """The part of a stored group or target that says whether its state is final."""

    final: bool = False


def group_field(group: str) -> str:
    """The name of the hash field of a group of workers."""
    return f"group/{group}"


def target_field(group: str, key: ObjectKey) -> str:
    """The name of the hash field of a workload's target."""
    return f"target/{group}/{spell_key(key)}"


def warnings_field(group: str, key: ObjectKey) -> str:
    """The name of the hash field of a workload's warnings, which are written once, when the workload is matched."""
    return f"warnings/{group}/{spell_key(key)}"


def parse(event: EventId, fields: Mapping[str, str]) -> Report:
    """The report of `event` from all fields of its hash."""
    groups = {name.partition("/")[2]: parse_group(text) for name, text in fields.items() if name.startswith("group/")}
    warnings = {place: _warnings(text) for place, text in _placed("warnings", fields)}
    targets = {place: _warned(parse_target(text), warnings.get(place, ())) for place, text in _placed("target", fields)}
    done = frozenset(name.partition("/")[2] for name in fields if name.startswith("done/"))
    return Report(event, {name: text for name, text in fields.items() if "/" not in name}, groups, targets, done)


def parse_group(text: str) -> Group:
    """The group that `to_json` wrote; ODD_GROUP if `text` is anything else."""
    return _decoded(text, Group) or ODD_GROUP


def parse_target(text: str) -> Target:
    """The target that `to_json` wrote; ODD_TARGET if `text` is anything else, or if `final` contradicts the state."""
    target, word = _decoded(text, Target), _decoded(text, _Word)
    return target if target and word and word.final == target.final else ODD_TARGET


def to_json(said: Group | Target) -> str:
    """The text that is stored for a group or a target.

    It contains `final` if the state is final, because the scripts of an older krt do not know all states.
    """
    fields = msgspec.to_builtins(said)
    return msgspec.json.encode({**fields, "final": True} if said.final else fields).decode()


def _decoded(text: str, kind: type[S]) -> S | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _warnings(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return ()


def _warned(target: Target, warnings: tuple[str, ...]) -> Target:
    both = tuple(dict.fromkeys((*warnings, *target.warnings)))
    return target if both == target.warnings else msgspec.structs.replace(target, warnings=both)


def _placed(what: str, fields: Mapping[str, str]) -> Iterable[tuple[tuple[str, ObjectKey], str]]:
    for name, text in fields.items():
        first, *rest = name.split("/")
        if first == what and len(rest) == 4:
            yield (rest[0], read_key(*rest[1:])), text


def to_json_list(texts: Iterable[str]) -> str:
    """The text that is stored for warnings."""
    return json.dumps(list(texts))
