"""The listener of the stand-ins: on loopback, with the limits of the servers that they replace."""

from krt.serving.address import Address
from krt.serving.listener import Listener

MAX_BODY_BYTES = 4 * 1024 * 1024  # above the API server's limit, so that the stand-in answers 413 itself


def stand_in_listener(port: int = 0, *, host: str = "127.0.0.1") -> Listener:
    """A listener with kept connections, watches of any length, and bodies larger than a real API server accepts."""
    return Listener(
        address=Address(host, port),
        max_connections_per_peer=None,
        header_seconds=120,  # also between two requests: a real API server keeps a connection that is idle for a minute
        max_body_bytes=MAX_BODY_BYTES,
        body_seconds=30,
        send_seconds=30,
        lifetime_seconds=None,
        close_every_answer=False,
        grace_seconds=1,
    )
