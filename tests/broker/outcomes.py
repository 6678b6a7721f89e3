"""What workers say of an event and of a workload."""

from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.report.report import Group, GroupState, Report
from krt.core.report.target import Target, TargetState
from tests.worker.accepting import KEYS

MATCHED, SETTLED = Group(GroupState.MATCHED), Group(GroupState.SETTLED, final=True)


def progressing(version: int, uid: str = "u1") -> Target:
    return Target(TargetState.PROGRESSING, uid=uid, version=version)


def ready(version: int, uid: str = "u1") -> Target:
    return Target(TargetState.READY, uid=uid, version=version)


async def read(client, event: EventId) -> Report:
    found = await Reports(client, KEYS).read(event)
    assert found
    return found[0]
