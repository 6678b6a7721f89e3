"""The report of a delivery is a document that the readers of events' documents read."""

import msgspec
import pytest

from krt.client.report import ReceivedReport
from krt.core.delivery.delivery_report import DeliveryReport, Place, delivery_document
from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import MOST_TARGETS, EventState
from krt.core.report.target import Target, TargetState

SECRET, WEB = ObjectKey("", "Secret", "shop", "site"), ObjectKey("apps", "Deployment", "shop", "web")
REPORT = DeliveryReport("Bundle shop", 1_795_176_000.0, EventState.ROLLING)
TARGETS = {
    Place(WEB, Action.RESTART): Target(TargetState.PROGRESSING, updated=1, available=3, desired=3),
    Place(WEB, Action.APPLY): Target(TargetState.READY, seconds=0.4),
    Place(SECRET, Action.APPLY): Target(TargetState.READY),
}
CHANGES = {Place(WEB, Action.APPLY): ObjectChange.UNCHANGED, Place(SECRET, Action.APPLY): ObjectChange.CREATED}


def received(report: DeliveryReport, targets: dict[Place, Target]) -> ReceivedReport:
    """As the readers of events' documents read it."""
    return msgspec.json.decode(msgspec.json.encode(delivery_document(report, targets, CHANGES)), type=ReceivedReport)


def test_each_target_tells_action_change_and_state() -> None:
    shown = received(REPORT, TARGETS)
    assert [(one.name, one.action, one.change, one.state, one.group) for one in shown.targets] == [
        ("site", "apply", "created", "ready", msgspec.UNSET),
        ("web", "apply", "unchanged", "ready", "apps"),
        ("web", "restart", msgspec.UNSET, "progressing", "apps"),
    ]
    assert len({one.key for one in shown.targets}) == 3
    assert shown.accepted_at == "2026-11-20T12:00:00.000Z"
    assert not shown.is_final


@pytest.mark.parametrize(
    ("state", "cluster", "is_final"),
    [
        (EventState.ACCEPTED, "waiting", False),
        (EventState.ROLLING, "matched", False),
        (EventState.READY, "settled", True),
        (EventState.DONE, "settled", True),
        (EventState.FAILED, "failed", True),
    ],
)
def test_the_cluster_tells_how_far_the_delivery_has_come(state: EventState, cluster: str, is_final: bool) -> None:
    shown = received(DeliveryReport("Bundle shop", 0, state, "why"), {})
    assert (shown.clusters[0].state, shown.clusters[0].reason) == (cluster, "why")
    assert (shown.is_final, shown.clusters[0].is_settled) == (is_final, is_final)


def test_of_more_than_a_thousand_objects_the_failed_ones_are_listed_and_the_others_counted() -> None:
    many = {
        Place(ObjectKey("", "ConfigMap", "shop", f"a{n}"), Action.APPLY): Target(TargetState.READY)
        for n in range(MOST_TARGETS)
    }
    shown = received(
        REPORT, {**many, Place(ObjectKey("", "Secret", "shop", "z"), Action.APPLY): Target(TargetState.FAILED)}
    )
    assert (len(shown.targets), shown.clusters[0].more) == (MOST_TARGETS, 1)
    assert [one.name for one in shown.targets if one.state == "failed"] == ["z"]


def test_a_target_without_an_action_is_a_restart_as_in_reports_of_earlier_versions() -> None:
    shown = msgspec.json.decode(
        b'{"id": "1-0", "state": "done", "targets": [{"state": "would_restart"}]}', type=ReceivedReport
    )
    assert [(one.action, one.state, one.is_settled) for one in shown.targets] == [("restart", "would_restart", True)]
