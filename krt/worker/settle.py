"""Settles events: in one step, writes the outcomes of all workloads into the report and acknowledges the entry."""

import trio

from krt.backoff import Backoff
from krt.core.ports.rollouts import Rollouts
from krt.core.ports.workloads import Index
from krt.core.report.report import Group, GroupState
from krt.core.restart.progress import of_outcome
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.entry import Entry
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls

log = Log("worker")

_CLOSE_SECONDS = 0.1


async def close(rollouts: Rollouts, index: Index, hand: Hand, metrics: WorkerMetrics, stalls: Stalls) -> None:
    """Settle each entry whose workloads have outcomes and that can get no late match any more. Never returns."""
    while True:
        await hand.wait_settled()
        for entry in hand.complete(index.fresh_at()):
            await _settle(rollouts, entry, stalls)
            hand.release(entry)
            metrics.event_settled(_ending(entry))
        if (wanted_at := hand.wants_fresh(trio.current_time())) is not None:
            index.want_fresh(wanted_at)
        await trio.sleep(_CLOSE_SECONDS)


async def _settle(rollouts: Rollouts, entry: Entry, stalls: Stalls) -> None:
    said = {key: target for key, outcome in entry.outcomes.items() if (target := of_outcome(outcome))}
    done, group = entry.recorded | said, _group(entry)
    follow = {key: uid for key, uid in entry.followed.items() if not done[key].final}
    async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
        try:
            with stalls.step("reports"):
                await rollouts.settle(entry.id, group, done, follow)
            break
        except BrokerUnavailable as error:
            log.warning("journal_unavailable", event_id=entry.id, problem=error)
    log.info("event_settled", event_id=entry.id, workloads=entry.counts())


def _group(entry: Entry) -> Group:
    """The final state of this worker's group for the event."""
    is_match = entry.outcomes or entry.envelope.dry_run
    state = GroupState.SETTLED if is_match else GroupState.NO_MATCH
    return Group(state, workloads=entry.workloads(), final=True)


def _ending(entry: Entry) -> str:
    """The event's result for the metrics: "failed" or "expired" if a workload ended so; else one of the whole event."""
    if entry.envelope.dry_run:
        return "dry_run"
    ends = entry.counts()
    worst = [bad for bad in ("failed", "expired") if ends[bad]]
    return worst[0] if worst else "settled" if ends else "no_match"
