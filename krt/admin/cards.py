"""The cards of one page: an event's own, or one that a burst of events shares."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import is_

from krt.admin.board import Item
from krt.admin.bursts import Burst, bursts
from krt.admin.templates import Templates
from krt.core.announce.event_id import EventId
from krt.core.report.report import EventState

# In a burst the events that failed stand first, and those that restarted nothing last.
_ORDER = (
    *(EventState.FAILED, EventState.EXPIRED),
    *(EventState.ROLLING, EventState.ACCEPTED, EventState.READY),
    *(EventState.DONE, EventState.NO_MATCH),
)
_RANK = {EventState.FAILED: 0, EventState.EXPIRED: 0, EventState.DONE: 2, EventState.NO_MATCH: 2}

_Rendered = tuple[Burst, Sequence[Item], str]


class Cards:
    """Remembers the cards of bursts until one of their events changes: an open page is updated every second."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._last: Mapping[str, _Rendered] = {}

    async def of(self, items: Mapping[EventId, Item]) -> dict[str, str]:
        """The HTML of each card by the id of its element, in the order of the page. `items` are newest first."""
        shown: dict[str, str] = {}
        rendered: dict[str, _Rendered] = {}
        for burst in bursts({event: item.document for event, item in items.items()}):
            if not burst.of:
                shown[f"event-{burst.lead}"] = items[burst.lead].html
                continue
            name = f"burst-{burst.events[-1]}"  # the oldest event stays the same while newer ones join
            rendered[name] = await self._rendered(name, burst, [items[event] for event in burst.events])
            shown[name] = rendered[name][2]
        self._last = rendered
        return shown

    async def _rendered(self, name: str, burst: Burst, items: Sequence[Item]) -> _Rendered:
        before = self._last.get(name)
        if before and before[0] == burst and all(map(is_, before[1], items)):
            return before
        found = dict(zip(burst.events, items, strict=True))
        others = sorted((found[event] for event in burst.others), key=_rank)
        states = Counter(item.document.state for item in others)
        html = await self._templates.render(
            "burst",
            card=name,
            of=burst.of,
            lead=found[burst.lead].html,
            rows=[item.row for item in others],
            tally=[(state, states[state]) for state in _ORDER if states[state]],
        )
        return burst, items, html


def _rank(item: Item) -> int:
    return _RANK.get(EventState(item.document.state), 1)
