"""How a report is stored: a hash of the event's own fields, a field for each group and one for each target. Pure.

What cannot be read (somebody's hand, a newer krt) makes no report unreadable: it is shown as something still to come.
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

_UNREADABLE = "what is stored of it cannot be read"
ODD_TARGET = Target(TargetState.WAITING, reason=_UNREADABLE)
ODD_GROUP = Group(GroupState.WAITING, reason=_UNREADABLE)


class _Word(msgspec.Struct):
    """Whether what is said is the last word."""

    final: bool = False


def group_field(group: str) -> str:
    """The field of one group of workers."""
    return f"group/{group}"


def target_field(group: str, key: ObjectKey) -> str:
    """The field of one workload."""
    return f"target/{group}/{spell_key(key)}"


def warnings_field(group: str, key: ObjectKey) -> str:
    """The field of what was odd about one workload when it was matched, which holds however its rollout goes on."""
    return f"warnings/{group}/{spell_key(key)}"


def parse(event: EventId, fields: Mapping[str, str]) -> Report:
    """The report that these fields of the hash are."""
    groups = {name.partition("/")[2]: parse_group(text) for name, text in fields.items() if name.startswith("group/")}
    warnings = {place: _warnings(text) for place, text in _placed("warnings", fields)}
    targets = {place: _warned(parse_target(text), warnings.get(place, ())) for place, text in _placed("target", fields)}
    done = frozenset(name.partition("/")[2] for name in fields if name.startswith("done/"))
    return Report(event, {name: text for name, text in fields.items() if "/" not in name}, groups, targets, done)


def parse_group(text: str) -> Group:
    """A group's field, as `to_json` wrote it."""
    return _decoded(text, Group) or ODD_GROUP


def parse_target(text: str) -> Target:
    """A target's field, as `to_json` wrote it. One whose `final` is not that of its state was written by no krt."""
    target, word = _decoded(text, Target), _decoded(text, _Word)
    return target if target and word and word.final == target.final else ODD_TARGET


def to_json(said: Group | Target) -> str:
    """How a group's and a target's field are stored.

    `final` stands in both: a script of an older krt does not know all of the states.
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
    """How warnings are stored."""
    return json.dumps(list(texts))
