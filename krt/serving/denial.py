"""Why the transport turned a connection or a request away: a closed set, fit for metric labels."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Denial(StrEnum):
    TOO_MANY_CONNECTIONS = "too-many-connections"
    TOO_MANY_CONNECTIONS_OF_PEER = "too-many-connections-of-peer"
    HEAD_TOO_SLOW = "head-too-slow"
    HEAD_TOO_LARGE = "head-too-large"
    HEAD_MALFORMED = "head-malformed"
    HEADS_TOO_LARGE_TOGETHER = "heads-too-large-together"
    HEAD_INCOMPLETE = "head-incomplete"
    NOT_HTTP_1 = "not-http-1"
    TARGET_REFUSED = "target-refused"
    EXPECTATION = "expectation"
    BODY_FRAMING = "body-framing"
    BODY_INCOMPLETE = "body-incomplete"
    BODY_TOO_LARGE = "body-too-large"
    BODY_TOO_SLOW = "body-too-slow"
    READER_TOO_SLOW = "reader-too-slow"
    LIFETIME_OVER = "lifetime-over"
    CRASHED = "crashed"


# Called with the reason, the address that called as far as the proxies in front can be believed, and the request id
# that the answer shows: empty where nothing is answered. Must not raise.
OnDenied = Callable[[Denial, str, str], None]


@dataclass(slots=True)
class DeniedAnswer:
    """What the transport answered in the app's stead, in `scope["state"]["refusal"]`; 0 while it did not."""

    status: int = 0
    reason: str = ""
