"""Reads the journal's newest id for restarts. If Valkey does not answer, gives the newest id that this worker knows."""

from dataclasses import dataclass

import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.ports.journal import Journal
from krt.core.restart.mark import JournalPosition, odd_mark
from krt.errors import BrokerUnavailable


@dataclass(slots=True)
class _Asked:
    """One exchange with Valkey, shared by all callers who asked before it began."""

    answer: JournalPosition | None = None
    problem: str = ""


class LastPosition:
    """Reads the journal's position immediately before a patch, so that the restart covers every event before it.

    If Valkey does not answer, the restart is made nevertheless, and covers only the events that this worker knows of.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._exchange = trio.Lock()
        self._asked = _Asked()  # the answer of the next exchange
        self._last: JournalPosition | None = None
        self._seen = EventId(0, 0)

    def seen(self, entry: EventId) -> None:
        """Note an id that the journal has given out."""
        self._seen = max(self._seen, entry)

    async def read(self) -> JournalPosition:
        """The position now, or, if Valkey does not answer, as far as this worker knows it.

        Raises BrokerUnavailable if Valkey has never answered.
        """
        try:
            return await self.ask()
        except BrokerUnavailable:
            if self._last is None:
                raise
            return JournalPosition(self._last.name, max(self._last.newest, self._seen))

    async def judging(self, workload: Workload, known: JournalPosition) -> JournalPosition:
        """A position to judge the workload's mark by: `known`, or a new one if the mark is newer than `known`.

        The worker that wrote the mark may have known a newer position. Raises BrokerUnavailable if a new position is
        needed and Valkey does not answer: then nobody can say whether the mark is false.
        """
        return await self.ask() if odd_mark(workload, known) else known

    async def ask(self) -> JournalPosition:
        """The position, read after this call began. Raises BrokerUnavailable.

        Patches that are made at the same time share one exchange. If the caller that makes the exchange is cancelled,
        the next one that waits makes it.
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
