"""Who is turned away at once: by the head of a request alone, before there is a request, an app or a body."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from krt.serving.head import Head


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Is answered with this status and these headers, an empty body and the end of the connection, after a while."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A head that is in order, the address for which it came, and the id that the request has or would have."""

    head: Head
    peer: str
    request_id: str


# What it gives instead of TurnedAway, the app finds in `scope["state"]["known"]`. It must not wait or raise.
Gate = Callable[[Arrival], object]


def empty_answer(status: int, request_id: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """The last answer of a connection, spelled as h11 spells it."""
    own = (
        (b"content-length", b"0"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
        (b"date", formatdate(usegmt=True).encode()),
    )
    lines = [b"%b: %b" % field for field in (*headers, *own)]
    return b"\r\n".join([b"HTTP/1.1 %d " % status, *lines, b"", b""])
