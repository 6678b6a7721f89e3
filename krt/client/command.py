"""krt notify from its parsed arguments to its exit code."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import trio

from krt.client import verdict
from krt.client.call import Call, Listener, Message, Patience
from krt.client.console import Console
from krt.client.outcome import NotYet
from krt.client.token import TokenService
from krt.client.transport import open_http


@dataclass(frozen=True, slots=True)
class Notification:
    """Everything one run is told."""

    message: Message
    service: TokenService
    ca_file: Path | None
    patience: Patience


def run(notification: Notification, console: Console) -> int:
    """Send the event, print how it went. Raises SettingsInvalid for unusable certificates or proxies."""
    patience = notification.patience
    listener = Listener(on_token=console.mask, on_not_yet=lambda not_yet: _tell_not_yet(not_yet, console))
    call = Call(notification.message, notification.service, patience, listener)
    code = verdict.INTERRUPTED
    try:
        http = open_http(ca_file=notification.ca_file, connect_seconds=patience.connect_seconds)
        code = trio.run(_send, call, http, notification.message, console)
    except* KeyboardInterrupt:  # Trio may hand it over in a group
        verdict.tell_interrupted(call, console)
    return code


async def _send(call: Call, http: httpx.AsyncClient, message: Message, console: Console) -> int:
    async with http:
        outcome = await call.send(http)
    return verdict.tell(outcome, message, console)


def _tell_not_yet(not_yet: NotYet, console: Console) -> None:
    pause = f" in {not_yet.wait_seconds:g} s, as it asks" if not_yet.wait_seconds else ""
    console.note(f"{not_yet.problem}; trying again{pause}")
