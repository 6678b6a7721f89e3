"""An event in this worker's hand, until every workload it names is settled."""

import trio

from krt.core.envelope import Envelope
from krt.core.event_id import EventId
from krt.core.outcome import Covered, Failed, Outcome, Restarted, Superseded, Unmatched
from krt.core.workload import WorkloadKey
from krt.logs import Log

log = Log("worker")

_NAMES = {
    Restarted: "workload_restarted",
    Covered: "restart_covered",
    Superseded: "restart_superseded",
    Unmatched: "workload_unmatched",
    Failed: "restart_failed",
}


class Entry:
    """One entry of the journal. It is `settled` when no workload is open any more."""

    def __init__(self, id: EventId, envelope: Envelope, workloads: frozenset[WorkloadKey]) -> None:  # noqa: A002
        self.id = id
        self.envelope = envelope
        self.settled = trio.Event()
        self._open = set(workloads)
        self._look()

    def settle(self, key: WorkloadKey, outcome: Outcome) -> None:
        """The business with one workload has ended; said once for each, whatever comes later."""
        if key not in self._open:
            return
        self._open.remove(key)
        say = log.warning if isinstance(outcome, Failed) else log.info
        say(
            _NAMES[type(outcome)],
            workload=key,
            event_id=self.id,
            request_id=self.envelope.request_id,
            **_details(outcome),
        )
        self._look()

    def _look(self) -> None:
        if not self._open:
            self.settled.set()


def _details(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Restarted(workload):
            return {"generation": workload.generation, "restarted_at": workload.restarted_at}
        case Covered(by) | Superseded(by):
            return {"by": by}
        case Unmatched(reason) | Failed(reason):
            return {"reason": reason}
