"""Which events share a card, and which one of them leads it."""

from itertools import count

import pytest

from krt.admin.bursts import BURST_SECONDS, FEWEST, Burst, bursts
from krt.core.announce.event_id import EventId
from krt.core.report.report import EventState
from krt.core.report.report_document import Document, DocumentOrigin

RUNS = (f"https://github.com/acme/shop/actions/runs/{number}" for number in count(1))


def at(seconds: float) -> EventId:
    return EventId(1_795_176_000_000 + round(seconds * 1000), 0)


def an_event(seconds: float, *, state: str = "ready", image: str = "shop", run: str | None = None) -> Document:
    """A document; without a `run`, of one of its own."""
    by = DocumentOrigin("acme/shop", next(RUNS) if run is None else run)
    return Document(str(at(seconds)), state, image=image, by=by)


def found(*events: tuple[float, Document]) -> list[Burst]:
    newest_first = sorted(events, key=lambda one: one[0], reverse=True)
    return list(bursts({at(seconds): document for seconds, document in newest_first}))


def of_one_image(*seconds: float, **changes: str) -> list[tuple[float, Document]]:
    return [(each, an_event(each, **changes)) for each in seconds]


def of_one_run(*seconds: float, run: str = "r-1", **changes: str) -> list[tuple[float, Document]]:
    return [(each, an_event(each, run=run, image=f"image-{each:g}", **changes)) for each in seconds]


def test_few_events_stand_alone() -> None:
    alone = found(*of_one_image(*range(FEWEST - 1)))
    assert [(burst.events, burst.of) for burst in alone] == [((at(1),), ""), ((at(0),), "")]


def test_events_of_one_image_fold_and_the_newest_leads() -> None:
    (burst,) = found(*of_one_image(0, 1, 2, 3))
    assert (burst.of, burst.lead, burst.others) == ("image", at(3), (at(2), at(1), at(0)))


def test_events_of_one_run_fold_whatever_their_images() -> None:
    (burst,) = found(*of_one_run(0, 1, 2))
    assert (burst.of, burst.events) == ("run", (at(2), at(1), at(0)))


def test_a_run_comes_before_an_image() -> None:
    """Two runs that push the same images are two cards."""
    events = [(s + 10 * n, an_event(s, image=f"i-{s}", run=f"r-{n}")) for n in (0, 1, 2) for s in (0, 1, 2)]
    assert [(burst.of, len(burst.events)) for burst in found(*events)] == [("run", 3)] * 3


def test_events_of_the_channel_have_no_run_in_common() -> None:
    assert len(found(*of_one_run(0, 1, 2, run=""))) == 3


def test_what_comes_later_than_a_burst_is_another_one() -> None:
    gap = BURST_SECONDS + 1
    first, second = [0, BURST_SECONDS, 2 * BURST_SECONDS], [2 * BURST_SECONDS + gap + each for each in (0, 1, 2)]
    assert [len(burst.events) for burst in found(*of_one_image(*first, *second))] == [3, 3]


def test_cards_stand_in_the_order_of_their_newest_events() -> None:
    others = [(1.5, an_event(1.5, image="blog")), (4, an_event(4, image="blog"))]
    cards = found(*of_one_image(0, 1, 2, 3), *others)
    assert [burst.events[0] for burst in cards] == [at(4), at(3), at(1.5)]


@pytest.mark.parametrize("state", ["failed", "expired"])
def test_a_failure_leads_a_run(state: str) -> None:
    (burst,) = found(*of_one_run(0, 2), (1, an_event(1, run="r-1", state=state)))
    assert burst.lead == at(1)


def test_an_older_failure_does_not_lead_an_image() -> None:
    (burst,) = found(*of_one_image(1, 2), (0, an_event(0, state="failed")))
    assert burst.lead == at(2)


@pytest.mark.parametrize("quiet", [EventState.NO_MATCH, EventState.DONE])
def test_what_restarted_nothing_leads_only_where_all_are_so(quiet: EventState) -> None:
    (burst,) = found(*of_one_image(0, 1), (2, an_event(2, state=quiet)))
    assert burst.lead == at(1)
    (burst,) = found(*of_one_image(0, 1, 2, state=quiet))
    assert burst.lead == at(2)
