"""The report of a delivery, as the same document that events have: every object, its action, its change and its state.

`krt.delivery` shows a new document after each change. The last document is final. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import Action, ObjectChange
from krt.core.report.document import most_urgent, rfc3339
from krt.core.report.report import FINAL, EventState, GroupState
from krt.core.report.report_document import Document, ListedCluster, ListedTarget, list_target
from krt.core.report.target import Target

# Shows a document that replaces the one before. It is called on the event loop, so it must not block or raise.
Show = Callable[[Document], None]


class Place(NamedTuple):
    """An object and an action. An object that krt applies and restarts has two places, each with a target."""

    key: ObjectKey
    action: Action


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery as it stands. `state` is one of ACCEPTED (krt only looks), ROLLING, READY, FAILED and DONE (dry-run).

    `owner` is the owner's name for people, `began_at` in seconds since the epoch, `cluster` "" if there is only one.
    `problem` is the reason why the whole delivery failed, unless a single object is the reason.
    """

    owner: str
    began_at: float
    state: EventState = EventState.ACCEPTED
    problem: str = ""
    cluster: str = ""
    is_dry_run: bool = False


def delivery_document(
    report: DeliveryReport, targets: Mapping[Place, Target], changes: Mapping[Place, ObjectChange]
) -> Document:
    """The document of the delivery. It lists at most MOST_TARGETS of the targets, the urgent ones first."""
    listed = most_urgent(targets)
    return Document(
        id=report.owner,
        state=report.state,
        accepted_at=rfc3339(report.began_at),
        clusters=(_cluster(report, more=len(targets) - len(listed)),),
        targets=tuple(_target(report.cluster, place, listed[place], changes.get(place)) for place in sorted(listed)),
        final=report.state in FINAL,
        dry_run=report.is_dry_run or UNSET,
    )


def _cluster(report: DeliveryReport, *, more: int) -> ListedCluster:
    states = {EventState.ACCEPTED: GroupState.WAITING, EventState.ROLLING: GroupState.MATCHED}
    ended = GroupState.FAILED if report.state is EventState.FAILED else GroupState.SETTLED
    state, is_final = states.get(report.state, ended), report.state in FINAL
    return ListedCluster(report.cluster, state, report.problem or UNSET, more or UNSET, UNSET, is_final)


def _target(cluster: str, place: Place, target: Target, change: ObjectChange | None) -> ListedTarget:
    listed = list_target(cluster, place.key, target)
    return replace(listed, action=place.action, change=change or UNSET, group=place.key.group or UNSET)
