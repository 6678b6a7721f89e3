"""The gate of a listener: it admits or refuses a request by its head alone, before an app runs or a body is read."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from krt.serving.head import Head


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A refusal. After `after_seconds` the client gets this status and an empty body, and the connection closes."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A valid head, the client's address (`serving.peers.client_address`) and the request id."""

    head: Head
    peer: str
    request_id: str


# A gate returns TurnedAway, or another value, which the app finds in `scope["state"]["known"]`. It must not raise.
Gate = Callable[[Arrival], object]


def empty_answer(status: int, request_id: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """An answer without a body that ends the connection, byte for byte as h11 would write it."""
    own = (
        (b"content-length", b"0"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
        (b"date", formatdate(usegmt=True).encode()),
    )
    lines = [b"%b: %b" % field for field in (*headers, *own)]
    return b"\r\n".join([b"HTTP/1.1 %d " % status, *lines, b"", b""])
