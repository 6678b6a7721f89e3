"""The hand of a worker, for an entry that another worker has had in between."""

import math

from krt.core.announce.event_id import EventId
from krt.core.restart.intent import of_image
from krt.worker.entry import Entry
from krt.worker.hand import Hand
from tests.fakes.values import a_workload, an_envelope

ID = EventId(1, 0)


def an_entry(hand: Hand) -> Entry:
    envelope = an_envelope()
    intent = of_image(ID, envelope, require_opt_in=False)
    return Entry(ID, envelope, intent, 0.0, 0.0, hand.note_settled, lambda _: None)


def test_an_entry_that_was_taken_again_stays_when_its_former_self_is_settled_or_let_go() -> None:
    """Seen to fail with entries known by their id alone."""
    hand = Hand(2)
    former, again = an_entry(hand), an_entry(hand)
    hand.take(former)
    hand.keep_only(own=frozenset(), held=hand.ids())
    hand.take(again)
    again.want(a_workload().key)
    hand.note_settled(former)
    assert hand.complete(math.inf) == []
    hand.release(former)
    assert (ID in hand, hand.room, hand.naming(a_workload())) == (True, 1, [again])
