"""The parts of one run of publishing: the wanted Secret, the way to the API server, and the report as it grows."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TypeVar

from krt.cluster import objects
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.delivery.delivery_report import Place
from krt.core.delivery.secret_bundle import Publication
from krt.core.kube.builtin import SECRET
from krt.core.kube.object_key import ObjectKey
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import EventState
from krt.core.report.target import Target
from krt.delivery.asking import ask
from krt.delivery.errors import NotDelivered
from krt.delivery.progress import Progress
from krt.errors import ClusterDenied, ClusterRefused, Conflict, NotThere

T = TypeVar("T")

MOST_CONFLICTS = 20  # in a row; somebody else writes the object all the time


async def _nothing() -> None:
    pass


def _unheard(_: str) -> None:
    pass


@dataclass(slots=True, eq=False)
class Publishing:
    """One run.

    `timeout_seconds` bounds the wait for each target's rollout. `before_write` is awaited once, before the first write
    to the cluster; if it raises an error, nothing is written. `note` gets lines for people; it must not block or
    raise. `change` is the id of the change, if the run makes one. `ensuring` tells people how krt comes to create the
    namespace, as the rest of a sentence. During the run, `publication` comes to name also the
    targets that the Secret still owes a restart.
    """

    publication: Publication
    transport: Transport
    progress: Progress
    timeout_seconds: float = 300.0
    ensure_namespace: bool = True
    ensuring: str = "set ensure_namespace: true"
    before_write: Callable[[], Awaitable[None]] = _nothing
    note: Callable[[str], None] = _unheard
    change: str = field(default_factory=lambda: token_hex(8))
    has_begun: bool = False
    has_written: bool = False  # also if a write was not answered; False if the API server has refused each write

    @property
    def key(self) -> ObjectKey:
        """The key of the Secret."""
        return SECRET.key(self.publication.namespace, self.publication.secret)

    @property
    def manager(self) -> str:
        """The field manager that writes the Secret."""
        return self.publication.owner.field_manager

    async def write(self, doing: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a call that writes, as `krt.delivery.asking.ask` gives it."""

        async def attempt() -> T:
            try:
                answer = await call()
            except (ClusterDenied, ClusterRefused, Conflict, NotThere):
                raise
            except BaseException:  # also Cancelled: the API server may have done the write
                self.has_written = True
                raise
            self.has_written = True
            return answer

        await self._begin()
        return await self.ask(doing, attempt)

    async def _begin(self) -> None:
        if not self.has_begun:
            await self.before_write()
            self.progress.begin()
            self.has_begun = True

    async def read_secret(self) -> Body | None:
        """The Secret as it is now; None: it does not exist. Raises DeliveryFailed."""
        try:
            return await self.ask(f"reading {self.key}", lambda: objects.read(self.transport, SECRET, self.key))
        except NotThere:
            return None

    async def ask(self, doing: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of the call, as `krt.delivery.asking.ask` gives it."""
        return await ask(doing, call, self.note)

    def tell(self, key: ObjectKey, action: Action, target: Target, change: ObjectChange | None = None) -> None:
        """Put the target into the report."""
        self.progress.put(Place(key, action), target, change)

    @contextmanager
    def reported(self, well: EventState = EventState.READY) -> Iterator[None]:
        """End the report with the block: in the state `well`, or as failed by the error of the block."""
        try:
            yield
        except NotDelivered as error:
            self.progress.end(EventState.FAILED, str(error))
            raise
        self.progress.end(well)
