"""The limits of one listener. The defaults are those of the public listener."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from hypercorn.config import Config

from krt.serving.accepting import Shortage
from krt.serving.address import Address
from krt.serving.denial import Denial, OnDenied
from krt.serving.gate import Gate
from krt.serving.head import HeadLimits
from krt.serving.peers import IPNetwork

# A function that is called with the number of open connections whenever it changes. It must not raise.
OnCount = Callable[[int], None]


def _ignore(_reason: Denial, _peer: str, _request_id: str) -> None:
    pass


def _let_in(_arrival: object) -> None:
    pass


def _ignore_count(_count: int) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Where to listen, and the limits for every peer.

    - `max_connections_per_peer` counts an IPv4 address or an IPv6 /64 as one peer. It does not apply to
      `trusted_proxies`.
    - `max_unfinished_head_bytes` bounds all incomplete heads together; beyond it the largest head is evicted.
    - `header_seconds` is the time for a head. It is also the time for which a connection is kept between two requests,
      if `close_every_answer` is false.
    - `send_seconds` is the time for each piece of an answer.
    - `lifetime_seconds` bounds a connection from its acceptance to its end. It is None for a listener with live
      streams; the app must then bound their number.
    - `gate` is called for the first head of each connection only, so its listener must close with every answer.
    - `shortage` says whether the listener cannot accept at the moment, and why.
    """

    address: Address
    max_connections: int = 1536
    max_connections_per_peer: int | None = 64
    trusted_proxies: tuple[IPNetwork, ...] = ()
    max_headers: int = 50
    max_header_bytes: int = 16 * 1024
    max_header_line_bytes: int = 12 * 1024
    max_unfinished_head_bytes: int = 2 * 1024 * 1024
    header_seconds: float = 5.0
    max_body_bytes: int = 8 * 1024
    body_seconds: float = 5.0
    send_seconds: float = 10.0
    lifetime_seconds: float | None = 40.0
    close_every_answer: bool = True
    grace_seconds: float = 25.0
    on_denied: OnDenied = _ignore
    on_count: OnCount = _ignore_count
    gate: Gate = _let_in
    shortage: Shortage = field(default_factory=Shortage)

    @cached_property
    def head_limits(self) -> HeadLimits:
        """The limits of a request's head."""
        return HeadLimits(
            max_bytes=self.max_header_bytes,
            max_line_bytes=self.max_header_line_bytes,
            max_fields=self.max_headers,
        )


def hypercorn_config(listener: Listener) -> Config:
    """The configuration for the parts of Hypercorn that krt keeps."""
    config = Config()
    config.accesslog = None
    config.errorlog = None  # its lines quote requests; krt.serving.failures logs instead
    config.include_server_header = False
    config.h11_max_incomplete_size = listener.max_header_line_bytes  # of chunk headers, trailers; heads come whole
    config.max_app_queue_size = 2  # pieces of one body that wait in memory for the app
    return config
