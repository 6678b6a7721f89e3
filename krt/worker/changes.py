"""Reacts to changes of workloads in the index, on behalf of the events that this worker holds.

Two changes ask for a restart. A workload comes to match an event: the watch may lag behind the announcement, so that
matches come late (docs/correctness.md, I3). Or another writer reverts the template of a restarted workload: then old
pods run under a mark that says otherwise (R1).
"""

from collections.abc import Callable
from datetime import datetime

from krt.core.kube.workload import Workload
from krt.core.restart.mark import undone_mark
from krt.core.restart.matching import Match
from krt.core.restart.outcome import Covered, Failed, Restarted
from krt.core.restart.times import is_after
from krt.logs import Log
from krt.worker.entry import Entry
from krt.worker.hand import Hand
from krt.worker.waiting import Waiting

log = Log("worker")

_MOST_TIMES_AGAIN = 2  # if the restart is undone once more, krt yields to the other writer


class Changes:
    """Asks `waiting` for restarts, for the entries in `hand`. `now` is the wall clock, in UTC."""

    def __init__(self, hand: Hand, waiting: Waiting, now: Callable[[], datetime]) -> None:
        self._hand = hand
        self._waiting = waiting
        self._now = now

    def hear(self, before: Workload | None, after: Workload | None) -> None:
        """The index's callback: the workload before and after the change, None if it did not exist."""
        if after is None:
            return
        for entry in self._hand.naming(after):
            try:
                self._consider(entry, before, after)
            except Exception as error:  # noqa: BLE001 - C5: a bug that one event meets must not end watch and worker
                log.error("change_crashed", workload=after.key, event_id=entry.id, exception=error)

    def _consider(self, entry: Entry, before: Workload | None, after: Workload) -> None:
        if entry.dropped or entry.envelope.dry_run:
            return
        verdict = entry.intent.judge(after)
        if not isinstance(verdict, Match):
            return
        if _is_undone(entry, after, self._now()):
            self._restart_again(entry, verdict)
        elif not self._was_match(entry, before, after) and not is_after(after.created_at, entry.id):
            entry.want(after.key)
            self._waiting.want(verdict, entry)

    def _restart_again(self, entry: Entry, match: Match) -> None:
        workload = match.workload
        marks = entry.undone.setdefault(workload.key, set())
        if workload.mark in marks:  # handled already: each restart writes a mark of its own
            return
        marks.add(str(workload.mark))
        log.warning("restart_undone", workload=workload.key, event_id=entry.id, times=len(marks))
        entry.want(workload.key)
        if len(marks) <= _MOST_TIMES_AGAIN:
            self._waiting.want(match, entry)
        else:
            entry.settle(workload.key, Failed(f"restart undone by {workload.last_manager or 'another writer'}"))

    def _was_match(self, entry: Entry, before: Workload | None, after: Workload) -> bool:
        # The uid counts, too: in a list after a lost watch, a recreated workload directly replaces the deleted one.
        return before is not None and before.uid == after.uid and isinstance(entry.intent.judge(before), Match)


def _is_undone(entry: Entry, workload: Workload, now: datetime) -> bool:
    if not isinstance(entry.outcomes.get(workload.key), Restarted | Covered):
        return False
    mark = undone_mark(workload, now)
    return mark is not None and mark.covers >= entry.id
