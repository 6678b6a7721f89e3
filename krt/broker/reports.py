"""Reports as krt web reads them, and hears that one has changed."""

from collections.abc import Sequence
from typing import cast

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.report_scripts import READ
from krt.core.event_id import EventId
from krt.core.report import Report, Seen, parse


class Reports:
    """Raises BrokerUnavailable."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def read(self, event: EventId) -> tuple[Report, Seen] | None:
        """An event's report and the clusters it is waited for; None where there is none (any more)."""
        reply = await self._client.eval_script(READ, [self._keys.report(str(event)), self._keys.alive], [])
        report, alive, now = cast("tuple[Sequence[bytes], Sequence[bytes], bytes]", reply)
        if not report:
            return None
        groups = {name: float(at) for name, at in _texts(alive).items()}
        return parse(event, _texts(report)), Seen(groups, float(now))


def _texts(flat: Sequence[bytes]) -> dict[str, str]:
    texts = [part.decode(errors="replace") for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
