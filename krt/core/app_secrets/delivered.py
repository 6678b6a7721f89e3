"""The last deliveries of a process, for its page: what was delivered to which Deployment, and no value."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 20


@dataclass(frozen=True, slots=True)
class DeliveredSecrets:
    """One write for one Deployment. `at` is RFC 3339; `what` says what was done, and what its pods do."""

    at: str
    app: str
    namespace: str
    deployment: str
    what: str


class RecentDeliveries:
    """The last MOST deliveries since the process started, newest first."""

    def __init__(self) -> None:
        self._kept: deque[DeliveredSecrets] = deque(maxlen=MOST)

    def note(self, delivered: DeliveredSecrets) -> None:
        """Add the newest one."""
        self._kept.appendleft(delivered)

    def __iter__(self) -> Iterator[DeliveredSecrets]:
        return iter(self._kept)
