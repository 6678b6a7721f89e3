"""The id of an event: the id of its entry in the journal. The ids of one journal are totally ordered."""

import re
from typing import NamedTuple

_MOST = 2**64 - 1  # of each of the two integers
_SPELLING = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})")


class EventId(NamedTuple):
    """A Valkey stream id: two integers. They are compared as integers, because as text `…-10` sorts before `…-9`."""

    milliseconds: int  # of Valkey's clock, since the epoch
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


def parse(text: str) -> EventId:
    """The id that `text` spells. Raises ValueError if Valkey would spell the id differently, as with leading zeros."""
    found = _SPELLING.fullmatch(text)
    numbers = EventId(int(found[1]), int(found[2])) if found else None
    if numbers is None or max(numbers) > _MOST:
        raise ValueError("not an event id like 1763690000123-0")
    return numbers
