"""The report of a delivery while it goes on: shown after changes, at most five times a second."""

import time
from collections.abc import Iterable
from dataclasses import replace

import trio
from msgspec.structs import replace as replace_parts

from krt.core.delivery.delivery_report import DeliveryReport, Place, Show, delivery_document
from krt.core.delivery.ownership import Owner
from krt.core.kube.object_key import ObjectKey
from krt.core.reason import readable
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import EventState
from krt.core.report.report_document import Document
from krt.core.report.target import Target, TargetState

_PAUSE_SECONDS = 0.2  # a document of 1,000 targets takes a few milliseconds


class Progress:
    """Every target of the delivery, with its state."""

    def __init__(self, owner: Owner, show: Show, *, is_dry_run: bool) -> None:
        self._report = DeliveryReport(str(owner), time.time(), is_dry_run=is_dry_run)
        self._show = show
        self._targets: dict[Place, Target] = {}
        self._changes: dict[Place, ObjectChange] = {}
        self._began: dict[Place, float] = {}
        self._is_news = trio.Event()

    def put(self, place: Place, target: Target, change: ObjectChange | None = None) -> None:
        """Replace the target of this place. `change` stays as it was if it is None."""
        self._targets[place] = target
        if change:
            self._changes[place] = change
        self._is_news.set()

    def say(
        self, key: ObjectKey, action: Action, state: TargetState, *reason: str, change: ObjectChange | None = None
    ) -> None:
        """Report the state of an object that krt applies or deletes, with the seconds since it began to progress."""
        place = Place(key, action)
        if state is TargetState.PROGRESSING:
            self._began.setdefault(place, trio.current_time())
        seconds = trio.current_time() - self._began.get(place, trio.current_time())
        self.put(place, Target(state, readable(*reason), seconds=round(seconds, 1)), change)

    def tell(self, *problem: str) -> None:
        """Report the problem for which the whole delivery waits at present."""
        self._move(self._report.state, "; ".join(problem))

    def expect(self, keys: Iterable[ObjectKey], action: Action) -> None:
        """Report that the objects wait for this action."""
        for key in keys:
            self.put(Place(key, action), Target(TargetState.WAITING))

    def fail_unsettled(self, problem: str) -> None:
        """Report each progressing target as failed, for this reason and its own."""
        for place, target in self._targets.items():
            if target.state is TargetState.PROGRESSING:
                reason = readable(problem, target.reason)
                self._targets[place] = replace_parts(target, state=TargetState.FAILED, reason=reason)
        self._is_news.set()

    def skip_unbegun(self, reason: str) -> None:
        """Report each waiting target as skipped, for this reason and its own."""
        for place, target in self._targets.items():
            if target.state is TargetState.WAITING:
                self._targets[place] = Target(TargetState.SKIPPED, readable(reason, target.reason))
        self._is_news.set()

    @property
    def has_begun(self) -> bool:
        """Whether krt may have written."""
        return self._report.state is not EventState.ACCEPTED

    def is_ready(self, key: ObjectKey, action: Action) -> bool:
        """Whether the action on this object has ended well."""
        target = self._targets.get(Place(key, action))
        return target is not None and target.state is TargetState.READY

    def reason_of(self, key: ObjectKey, action: Action) -> str:
        """The reason of the target's state, as it was said last; "" if there is none."""
        target = self._targets.get(Place(key, action))
        return target.reason if target else ""

    def has_failed(self) -> bool:
        """Whether any target has failed."""
        return any(target.state is TargetState.FAILED for target in self._targets.values())

    def begin(self) -> None:
        """Report that krt writes from now on."""
        self._move(EventState.ROLLING, "")

    def end(self, state: EventState, problem: str = "") -> Document:
        """Show the last document. Returns it."""
        self._move(state, problem)
        document = self._document()
        self._show(document)
        return document

    async def keep_showing(self) -> None:
        """Show each change, until cancelled."""
        while True:
            await self._is_news.wait()
            self._is_news = trio.Event()
            self._show(self._document())
            await trio.sleep(_PAUSE_SECONDS)

    def _move(self, state: EventState, problem: str) -> None:
        self._report = replace(self._report, state=state, problem=readable(problem))
        self._is_news.set()

    def _document(self) -> Document:
        return delivery_document(self._report, self._targets, self._changes)
