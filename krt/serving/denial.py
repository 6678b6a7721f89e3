"""The reasons for which krt.serving refuses a connection or a request: a closed set, used as metric labels."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Denial(StrEnum):
    """The reason of a refusal. The values are label values and log fields: renaming one changes dashboards."""

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


# A function that takes the reason, the client's address (`serving.peers.client_address`), and the request id that the
# answer shows; the id is empty if no answer was sent. It must not raise.
OnDenied = Callable[[Denial, str, str], None]


@dataclass(slots=True)
class DeniedAnswer:
    """The answer that the server sent in place of the app, in `scope["state"]["refusal"]`; `status` is 0 if none."""

    status: int = 0
    reason: str = ""
