"""Where the journal stands; while Valkey is away, where it stood at least."""

from krt.core.event_id import EventId
from krt.core.ports import Journal
from krt.core.restart import JournalPosition, odd_mark
from krt.core.workload import Workload
from krt.errors import BrokerUnavailable


class LastPosition:
    """The journal's newest id, read immediately before a patch, so that the restart covers all that came before it.

    Without Valkey a restart is made all the same: it then covers what this worker has seen.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: JournalPosition | None = None
        self._seen = EventId(0, 0)

    def seen(self, entry: EventId) -> None:
        """The journal has given out this id."""
        self._seen = max(self._seen, entry)

    async def read(self) -> JournalPosition:
        """The position as of now, or as far as it is known. Raises BrokerUnavailable where none was ever read."""
        try:
            return await self.ask()
        except BrokerUnavailable:
            if self._last is None:
                raise
            return JournalPosition(self._last.name, max(self._last.newest, self._seen))

    async def judging(self, workload: Workload, known: JournalPosition) -> JournalPosition:
        """A position to judge the workload's mark by: what is known, or where the mark is beyond that, as of now.

        Its writer may know more, and while Valkey is away there is no reason to doubt it. Raises BrokerUnavailable.
        """
        return await self.ask() if odd_mark(workload, known) else known

    async def ask(self) -> JournalPosition:
        """The position as of now. Raises BrokerUnavailable."""
        self._last = await self._journal.position()
        return self._last
