"""An event in this worker's hand: which workloads are still open for it, and how the others ended."""

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
    """One entry of the journal. Whoever settles its last open workload has `on_settled` called."""

    id: EventId
    envelope: Envelope
    intent: Intent
    accepted_at: float  # on Trio's clock
    fresh_after: float  # on Trio's clock: what the index knows later than this includes all that the event may name
    on_settled: Callable[["Entry"], None]
    on_outcome: Callable[[str], None]  # of each workload; by the outcome's label
    open: set[ObjectKey] = field(default_factory=set)
    outcomes: dict[ObjectKey, Outcome] = field(default_factory=dict)
    # Recorded as matched, by uid; "" did not match, and may yet, as may one of another uid.
    listed: dict[ObjectKey, str] = field(default_factory=dict)
    # The targets in the report; settling writes them again with the outcome: a failover may have lost them.
    recorded: dict[ObjectKey, Target] = field(default_factory=dict)
    followed: dict[ObjectKey, str] = field(default_factory=dict)  # by uid
    unlisted: int = 0  # workloads that are only counted: there was nothing to do for them
    undone: dict[ObjectKey, set[str]] = field(default_factory=dict)  # marks of restarts that others have reverted
    heir: "Entry | None" = None  # a newer one that names all that this one does: late matches are its business
    dropped: bool = False  # another worker has it now

    def want(self, key: ObjectKey) -> None:
        """One more workload is open for this event."""
        self.open.add(key)

    def settle(self, key: ObjectKey, outcome: Outcome) -> None:
        """The business with one workload has ended; said once, whatever comes later."""
        if key not in self.open:
            return
        self.open.remove(key)
        self.outcomes[key] = outcome
        self._say(key, outcome)
        self.on_outcome(outcome.label)
        if not self.open:
            self.on_settled(self)

    def supersede(self, key: ObjectKey, newer: "Entry") -> None:
        """A newer event waits for the workload: its restart will serve this one, too."""
        own, its = self.envelope.event, newer.envelope.event
        if own.repository == its.repository and set(own.tags) <= set(its.tags):
            self.heir = newer
        self.settle(key, Superseded(newer.id))

    def drop(self) -> None:
        """Somebody else sees to it: nothing is open here any more, and nothing is said."""
        self.dropped = True
        self.open.clear()

    def workloads(self) -> int:
        """How many the event names, where a report does not tell them all one by one; else 0."""
        count = len(self.recorded) + self.unlisted
        return count if count > MOST_TARGETS else 0

    def counts(self) -> Counter[str]:
        """How many workloads ended how, by the labels of the outcomes."""
        return Counter(outcome.label for outcome in self.outcomes.values())

    def _say(self, key: ObjectKey, outcome: Outcome) -> None:
        say, event = _LINES[type(outcome)]
        own = {"workload": key, "event_id": self.id, "request_id": self.envelope.request_id}
        say(event, **own, **_details(outcome))


def _details(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Restarted(workload, by):
            return {"generation": workload.generation, "restarted_at": workload.restarted_at, "covers": by}
        case Covered(by=by) | Superseded(by=by):
            return {"by": by}
        case Unmatched(reason) | Failed(reason) | Expired(reason):
            return {"reason": reason}
