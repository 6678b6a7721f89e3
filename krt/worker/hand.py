"""The entries that this worker holds, found by id and by repository.

An entry stays here for a while after its workloads are settled. The watch may lag behind the call that announced the
image, so workloads that come to match are restarted for the entry, too, until the index shows every change of the 2 s
after the entry was taken (docs/correctness.md, I3).
"""

from collections import defaultdict

import trio

from krt.core.announce.event_id import EventId
from krt.core.announce.image import Repository
from krt.core.kube.workload import Workload
from krt.core.restart.outcome import Covered, Restarted
from krt.worker.entry import Entry

FRESH_SECONDS = 2.0  # a watch was seen to lag by 10 ms; the rest allows for clocks and loaded servers
ROLLOUT_SECONDS = 3.0  # within this time a rollout's own changes should make the index fresh


class Hand:
    """Holds at most `most` entries. An entry is settled if none of its workloads is still to be restarted (open).

    A settled entry is complete if no late match can come.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: dict[EventId, Entry] = {}
        self._by_repository: defaultdict[Repository, set[Entry]] = defaultdict(set)
        self._settled: set[Entry] = set()
        self._changed = trio.Event()
        self._any_settled = trio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: EventId) -> bool:
        return entry in self._entries

    @property
    def room(self) -> int:
        """How many more entries may be taken."""
        return self.most - len(self._entries)

    @property
    def is_idle(self) -> bool:
        """Whether no workload is open for any entry."""
        return not any(entry.open for entry in self._entries.values())

    async def wait_room(self) -> None:
        """Return when there is room for an entry."""
        while not self.room:
            await self._changed.wait()

    def take(self, entry: Entry) -> None:
        """Hold an entry. The caller adds its open workloads afterwards."""
        self._entries[entry.id] = entry
        self._by_repository[entry.envelope.event.repository].add(entry)

    def note_settled(self, entry: Entry) -> None:
        """Note the entry as settled, if it is held and none of its workloads is open. A late match may still come."""
        if not entry.open and self._entries.get(entry.id) is entry:
            self._settled.add(entry)
            self._any_settled.set()

    def release(self, entry: Entry) -> None:
        """Remove an entry: it is acknowledged, another worker has taken it over, or this worker begins it again."""
        if self._entries.get(entry.id) is not entry:
            return
        del self._entries[entry.id]
        repository = entry.envelope.event.repository
        self._by_repository[repository].discard(entry)
        if not self._by_repository[repository]:
            del self._by_repository[repository]
        self._settled.discard(entry)
        self._changed.set()
        self._changed = trio.Event()

    def keep_only(self, own: frozenset[EventId], held: frozenset[EventId]) -> None:
        """Drop the entries that another worker has taken over: those that are in `held` and not in `own`.

        `held` are the ids in the hand before the journal was asked, `own` the journal's answer.
        """
        for lost in held - own:
            if entry := self._entries.get(lost):
                entry.drop()
                self.release(entry)

    def ids(self) -> frozenset[EventId]:
        """The ids of all entries that are held now."""
        return frozenset(self._entries)

    def naming(self, workload: Workload) -> list[Entry]:
        """The entries for a repository of which the workload runs an image, oldest first."""
        found = {entry for repository in workload.repositories for entry in self._by_repository.get(repository, ())}
        return sorted(found, key=lambda entry: entry.id)

    async def wait_settled(self) -> None:
        """Return when there is an entry that was noted as settled."""
        if not self._settled:
            self._any_settled = trio.Event()
            await self._any_settled.wait()

    def complete(self, fresh_at: float) -> list[Entry]:
        """The settled entries for which an index that is fresh up to `fresh_at` can bring no late match, oldest first.

        The heir of an entry gets its late matches. So an entry with an heir is complete at once, and a burst of events
        for one workload does not fill the hand (docs/correctness.md, C4).
        """
        done = [entry for entry in self._settled if not entry.open and (entry.heir or entry.fresh_after <= fresh_at)]
        return sorted(done, key=lambda entry: entry.id)

    def wants_fresh(self, now: float) -> float | None:
        """The time up to which the index has to be made fresh, so that a settled entry is complete; None if none waits.

        `now` and the result are on Trio's clock. If a workload of the entry rolls out, the rollout's own changes should
        make the index fresh: such an entry counts only 3 s after its `fresh_after`, any other at its `fresh_after`.
        """
        overdue = [entry for entry in self._settled if entry.fresh_after + _patience_seconds(entry) <= now]
        return min((entry.fresh_after for entry in overdue), default=None)


def _patience_seconds(entry: Entry) -> float:
    rolls_out = any(isinstance(outcome, Restarted | Covered) for outcome in entry.outcomes.values())
    return ROLLOUT_SECONDS if rolls_out else 0.0
