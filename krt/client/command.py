"""Runs `krt notify`, from its parsed arguments to its exit code."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import trio

from krt.client import verdict, wait
from krt.client.call import Announcement, AnnouncingCall, RetryPatience
from krt.client.console import Console
from krt.client.interrupt import Interrupt, heard
from krt.client.outcome import Accepted, NotYet
from krt.client.token import Tokens, TokenService
from krt.client.transport import open_http
from krt.client.wait import Wait


@dataclass(frozen=True, slots=True)
class Notification:
    """The input of one run. If `wait` is None, the command ends once the event is accepted."""

    message: Announcement
    service: TokenService
    ca_file: Path | None
    patience: RetryPatience
    wait: Wait | None = None


def run(notification: Notification, console: Console) -> int:
    """Run `notify` on Trio, with signal handlers. Returns the exit code. Raises as `notify` does."""

    async def until_interrupted() -> int:
        interrupt = Interrupt()
        with heard(interrupt):
            return await notify(notification, console, interrupt)

    return trio.run(until_interrupted)


async def notify(notification: Notification, console: Console, interrupt: Interrupt) -> int:
    """Send the event and print the outcome. Returns the exit code; 128 + the signal's number after a signal.

    Raises SettingsInvalid if certificates or proxies are unusable.
    """
    patience = notification.patience
    tokens = Tokens(notification.service, seconds=patience.attempt_seconds, on_token=console.mask)
    call = AnnouncingCall(notification.message, tokens, patience, lambda not_yet: _tell_not_yet(not_yet, console))
    http = open_http(
        ca_file=notification.ca_file,
        connect_seconds=patience.connect_seconds,
        urls=(notification.message.url, notification.service.url),
    )
    with interrupt.scope:
        return await _send(notification, call, tokens, http, console)
    return verdict.tell_interrupted(call, interrupt.by, console)


async def _send(
    notification: Notification, call: AnnouncingCall, tokens: Tokens, http: httpx.AsyncClient, console: Console
) -> int:
    began = trio.current_time()
    async with http:
        outcome = await call.send(http)
        if isinstance(outcome, Accepted) and notification.wait is not None:
            following = wait.Following(notification.message, notification.patience, tokens, console)
            return await wait.to_end(notification.wait, following, outcome, http, began=began)
    return verdict.tell(outcome, notification.message, console)


def _tell_not_yet(not_yet: NotYet, console: Console) -> None:
    pause = f" in {not_yet.wait_seconds:g} s, as it asks" if not_yet.wait_seconds else ""
    console.note(f"{not_yet.problem}; trying again{pause}")
