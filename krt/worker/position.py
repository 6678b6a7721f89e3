"""Where the journal stands; while Valkey is away, where it stood at least."""

from dataclasses import dataclass

import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.ports import Journal
from krt.core.restart.mark import JournalPosition, odd_mark
from krt.errors import BrokerUnavailable


@dataclass(slots=True)
class _Asked:
    """One exchange with Valkey, for everybody who asked before it began."""

    answer: JournalPosition | None = None
    problem: str = ""


class LastPosition:
    """The journal's newest id, read immediately before a patch, so that the restart covers all that came before it.

    Without Valkey a restart is made all the same: it then covers what this worker has seen.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._exchange = trio.Lock()
        self._asked = _Asked()  # the next exchange's
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
        """The position as of now, or a little later: read after the call began. Raises BrokerUnavailable.

        Patches that are made at a time share an exchange. One that is cancelled leaves it to the next who waits for it.
        """
        asked = self._asked
        async with self._exchange:
            if not (asked.answer or asked.problem):
                self._asked = _Asked()
                await self._answer(asked)
        if asked.answer is None:
            raise BrokerUnavailable(asked.problem)
        self._last = asked.answer
        return asked.answer

    async def _answer(self, asked: _Asked) -> None:
        try:
            asked.answer = await self._journal.position()
        except BrokerUnavailable as error:
            asked.problem = str(error)
