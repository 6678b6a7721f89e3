"""The limits of one listener, each with the public listener's value as its default."""

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

# Called with the number of open connections whenever it changes. Must not raise.
OnCount = Callable[[int], None]


def _ignore(_reason: Denial, _peer: str, _request_id: str) -> None:
    pass


def _let_in(_arrival: object) -> None:
    pass


def _ignore_count(_count: int) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Where to listen and how much any peer may ask for.

    `lifetime_seconds` bounds a connection from its acceptance to its end whatever it does; None for listeners
    with live streams, whose app bounds their number. `max_connections_per_peer` counts an IPv4 address or an
    IPv6 /64 as one peer; it does not hold for `trusted_proxies`. Without `close_every_answer` connections are
    kept between requests, `header_seconds` at most. `max_unfinished_head_bytes` is what all heads together may hold
    that are not whole yet: beyond it the largest is given up. `send_seconds` bounds each piece of an answer. `gate`
    is asked of the first head of a connection: it is for listeners that close with every answer. `shortage` tells for
    want of what no connection is accepted at the moment.
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
        return HeadLimits(
            max_bytes=self.max_header_bytes,
            max_line_bytes=self.max_header_line_bytes,
            max_fields=self.max_headers,
        )


def hypercorn_config(listener: Listener) -> Config:
    """What the parts of Hypercorn that are kept read of their configuration."""
    config = Config()
    config.accesslog = None
    config.errorlog = None  # its lines quote requests; krt.serving.failures logs instead
    config.include_server_header = False
    config.h11_max_incomplete_size = listener.max_header_line_bytes  # chunk headers and trailers; heads come whole
    config.max_app_queue_size = 2  # pieces of body per connection that wait in memory for the app
    return config
