"""How the stand-ins listen: on loopback, and as generous as the servers they stand in for."""

from krt.serving.address import Address
from krt.serving.listener import Listener

MAX_BODY_BYTES = 4 * 1024 * 1024  # above the API server's own limit, so that its own answer is given


def stand_in_listener(port: int = 0, *, host: str = "127.0.0.1") -> Listener:
    """Kept connections, watches of any length, bodies as large as a real API server takes."""
    return Listener(
        address=Address(host, port),
        max_connections_per_peer=None,
        header_seconds=120,  # between two requests, too: the API server hangs up on nobody who rests for a minute
        max_body_bytes=MAX_BODY_BYTES,
        body_seconds=30,
        send_seconds=30,
        lifetime_seconds=None,
        close_every_answer=False,
        grace_seconds=1,
    )
