"""Reports and followed workloads, for one worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report import Group, Standing
from krt.core.report.target import Target


@dataclass(frozen=True, slots=True)
class FollowedWorkload:
    """A workload whose rollout is followed, and the events whose reports still wait for its end, oldest first."""

    key: ObjectKey
    uid: str
    events: tuple[EventId, ...]


class Rollouts(Protocol):
    """Reports, followed workloads and the group's presence, for one worker. Every call may raise BrokerUnavailable."""

    async def record(
        self, event: EventId, group: Group, targets: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the group's state and its targets into the report, and follow workloads for the event.

        `follow` has the workloads to follow, each with its uid.
        """
        ...

    async def is_open(self, event: EventId) -> bool:
        """Whether a worker of this group has recorded the event, and none has settled it."""
        ...

    async def is_over(self, event: EventId) -> bool:
        """For an event that is older than this group: whether the group need not act.

        It need not if it has settled the event, or if it has not begun the event and the event has ended.
        """
        ...

    async def settle(
        self, event: EventId, group: Group, done: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the outcome into the report and acknowledge the entry, so that no worker of the group gets it again.

        `done` and `follow` are complete, because a failover of Valkey may have lost the writes of `record`.
        """
        ...

    async def tell(self, followed: FollowedWorkload, target: Target) -> int:
        """Write the workload's state into the reports of its events. Returns the number of reports that changed.

        If the state is final, the workload is not followed any more for those of the events whose report has it now.
        """
        ...

    async def followed(self) -> tuple[FollowedWorkload, ...]:
        """The workloads that this group follows."""
        ...

    async def standings(self, followed: FollowedWorkload) -> Mapping[EventId, Standing]:
        """For each of the workload's events, the standing of the workload in the event's report.

        Empty if the workload is by now also followed for an event that `followed` does not list.
        """
        ...

    async def hold_lease(self) -> bool:
        """Take or renew the lease for reporting rollouts. Returns whether this worker holds it."""
        ...

    async def say_alive(self) -> None:
        """Write that the group is alive now, so that events wait for the group."""
        ...

    async def leave(self) -> bool:
        """Write that this worker stops in an orderly way. Returns whether it was the last of its group.

        A group whose last worker stopped so has left: later events do not wait for it.
        """
        ...
