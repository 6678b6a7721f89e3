"""The entries that this worker holds, found by id and by repository; complete only when the index is fresh.

The watch may lag behind the call that announced an image. So an entry stays in the hand, and workloads that come to
run its image are restarted for it too, until the index has heard of everything that had happened by then (I3).
"""

from collections import defaultdict

import trio

from krt.core.announce.event_id import EventId
from krt.core.announce.image import Repository
from krt.core.kube.workload import Workload
from krt.core.restart.outcome import Covered, Restarted
from krt.worker.entry import Entry

FRESH_SECONDS = 2.0  # the watch was seen to lag behind by 10 ms; clocks and loaded servers get the rest
ROLLOUT_SECONDS = 3.0  # so long a restart's own changes may be awaited


class Hand:
    """At most `most` entries. `completed` are those with nothing open, of which nothing more can come."""

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
        """Return when there is room for one entry at least."""
        while not self.room:
            await self._changed.wait()

    def take(self, entry: Entry) -> None:
        """Hold an entry. What is open for it is asked for afterwards."""
        self._entries[entry.id] = entry
        self._by_repository[entry.envelope.event.repository].add(entry)

    def note_settled(self, entry: Entry) -> None:
        """Nothing is open for the entry; a late match may still come."""
        if not entry.open and self._entries.get(entry.id) is entry:
            self._settled.add(entry)
            self._any_settled.set()

    def release(self, entry: Entry) -> None:
        """The entry is acknowledged, or another worker's."""
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
        """Let go of what was `held` before the journal was asked and is not among this worker's `own` any more."""
        for lost in held - own:
            if entry := self._entries.get(lost):
                entry.drop()
                self.release(entry)

    def ids(self) -> frozenset[EventId]:
        """What is held now."""
        return frozenset(self._entries)

    def naming(self, workload: Workload) -> list[Entry]:
        """The entries that name a repository the workload runs, oldest first."""
        found = {entry for repository in workload.repositories for entry in self._by_repository.get(repository, ())}
        return sorted(found, key=lambda entry: entry.id)

    async def wait_settled(self) -> None:
        """Return when there is a settled entry."""
        if not self._settled:
            self._any_settled = trio.Event()
            await self._any_settled.wait()

    def complete(self, fresh_at: float) -> list[Entry]:
        """The settled entries that an index as fresh as this can add nothing to, oldest first.

        What it could add to an entry with an heir is the heir's: a burst for one workload does not fill the hand (C4).
        """
        done = [entry for entry in self._settled if not entry.open and (entry.heir or entry.fresh_after <= fresh_at)]
        return sorted(done, key=lambda entry: entry.id)

    def wants_fresh(self, now: float) -> float | None:
        """How fresh the index has to be for a settled entry to be complete, if that is to be asked for by now.

        A rollout's own changes make it fresh: they are waited for before anybody is asked.
        """
        overdue = [entry for entry in self._settled if entry.fresh_after + _patience_seconds(entry) <= now]
        return min((entry.fresh_after for entry in overdue), default=None)


def _patience_seconds(entry: Entry) -> float:
    rolls_out = any(isinstance(outcome, Restarted | Covered) for outcome in entry.outcomes.values())
    return ROLLOUT_SECONDS if rolls_out else 0.0
