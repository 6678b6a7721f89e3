"""An event that this worker holds, with the workloads still to be restarted for it, and the outcomes of the others."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report import MOST_TARGETS
from krt.core.report.target import Target
from krt.core.restart.intent import Intent
from krt.core.restart.outcome import Covered, Expired, Failed, Outcome, Restarted, Superseded, Unmatched
from krt.logs import Log

log = Log("worker")

_LINES: dict[type, tuple[Callable[..., None], str]] = {
    Restarted: (log.info, "workload_restarted"),
    Covered: (log.info, "restart_covered"),
    Superseded: (log.info, "restart_superseded"),
    Unmatched: (log.info, "workload_unmatched"),
    Failed: (log.warning, "restart_failed"),
    Expired: (log.warning, "restart_expired"),
}


@dataclass(eq=False, slots=True)
class Entry:
    """One entry of the journal. Calls `on_settled` when its last open workload is settled."""

    id: EventId
    envelope: Envelope
    intent: Intent
    accepted_at: float  # on Trio's clock
    fresh_after: float  # on Trio's clock: an index as fresh as this shows every workload that the event can match
    on_settled: Callable[["Entry"], None]
    on_outcome: Callable[[str], None]  # called with the label of each workload's outcome
    open: set[ObjectKey] = field(default_factory=set)  # the workloads still to be restarted
    outcomes: dict[ObjectKey, Outcome] = field(default_factory=dict)
    # The uid of each workload that the report lists as matched, "" if it is listed as skipped. A skipped workload, and
    # one that has another uid by now, may still come to match.
    listed: dict[ObjectKey, str] = field(default_factory=dict)
    # The targets as written into the report. Settling writes them again, because a failover may have lost them.
    recorded: dict[ObjectKey, Target] = field(default_factory=dict)
    followed: dict[ObjectKey, str] = field(default_factory=dict)  # the uid of each workload to follow
    unlisted: int = 0  # the number of workloads that the report only counts, because nothing is to be done for them
    undone: dict[ObjectKey, set[str]] = field(default_factory=dict)  # marks of restarts that others have reverted
    heir: "Entry | None" = None  # a newer entry for this repository and at least these tags: it gets late matches
    dropped: bool = False  # another worker has the entry now, or this worker takes it again

    def want(self, key: ObjectKey) -> None:
        """Note that a workload is to be restarted for this event."""
        self.open.add(key)

    def settle(self, key: ObjectKey, outcome: Outcome) -> None:
        """Note the outcome for one workload, log it and count it. Only the first outcome of a workload counts."""
        if key not in self.open:
            return
        self.open.remove(key)
        self.outcomes[key] = outcome
        self._say(key, outcome)
        self.on_outcome(outcome.label)
        if not self.open:
            self.on_settled(self)

    def supersede(self, key: ObjectKey, newer: "Entry") -> None:
        """Settle a workload as superseded: `newer` waits for it, too, and the restart for `newer` serves this event."""
        own, its = self.envelope.event, newer.envelope.event
        if own.repository == its.repository and set(own.tags) <= set(its.tags):
            self.heir = newer
        self.settle(key, Superseded(newer.id))

    def drop(self) -> None:
        """Give up this object: another worker has the entry, or this one takes it again. No outcome is counted here."""
        self.dropped = True
        self.open.clear()

    def workloads(self) -> int:
        """The number of matched and skipped workloads, if it is more than MOST_TARGETS; otherwise 0."""
        count = len(self.recorded) + self.unlisted
        return count if count > MOST_TARGETS else 0

    def counts(self) -> Counter[str]:
        """The number of workloads for each outcome's label."""
        return Counter(outcome.label for outcome in self.outcomes.values())

    def _say(self, key: ObjectKey, outcome: Outcome) -> None:
        say, event = _LINES[type(outcome)]
        own = {"workload": key, "event_id": self.id, "request_id": self.envelope.request_id}
        say(event, **own, **_details(outcome), **self._provenance(outcome))

    def _provenance(self, outcome: Outcome) -> dict[str, object]:
        """The image and its announcer, for the lines that people look for: a restart, a failure, an expiry."""
        if not isinstance(outcome, Restarted | Failed | Expired):
            return {}
        event, origin = self.envelope.event, self.envelope.origin
        return {"image": event.image, "tags": event.tags, **(origin.named() if origin else {})}


def _details(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Restarted(workload, by):
            return {"generation": workload.generation, "restarted_at": workload.restarted_at, "covers": by}
        case Covered(by=by) | Superseded(by=by):
            return {"by": by}
        case Unmatched(reason) | Failed(reason) | Expired(reason):
            return {"reason": reason}
