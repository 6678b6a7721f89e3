"""Runs `krt notify`, from its parsed arguments to its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIG_IGN, SIGINT, SIGTERM, Signals, getsignal, signal

import httpx
import trio

from krt.client import verdict, wait
from krt.client.call import Announcement, AnnouncingCall, RetryPatience
from krt.client.console import Console
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


@dataclass(slots=True)
class Interrupt:
    """Ends a run early: the first signal cancels `scope` and is kept in `by`."""

    by: Signals = SIGINT
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def come(self, number: int) -> None:
        """Cancel the scope because signal `number` arrived."""
        if not self.scope.cancel_called:
            self.by = Signals(number)
            self.scope.cancel()


def run(notification: Notification, console: Console) -> int:
    """Run `notify` on Trio, with signal handlers. Returns the exit code. Raises as `notify` does."""

    async def until_interrupted() -> int:
        interrupt = Interrupt()
        with _heard(interrupt):
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


@contextmanager
def _heard(interrupt: Interrupt) -> Iterator[None]:
    """Within the block, SIGINT, SIGTERM and SIGHUP cancel `interrupt.scope`. SIGHUP is left alone under nohup.

    A cancelled request ends at a checkpoint. A KeyboardInterrupt could be raised anywhere in httpx; its generators
    would then outlive the run and print warnings.
    """
    token = trio.lowlevel.current_trio_token()
    hangup = {Signals[name] for name in ("SIGHUP",) if name in Signals.__members__}
    ending = [SIGINT, SIGTERM, *(each for each in hangup if getsignal(each) is not SIG_IGN)]
    before = {each: signal(each, lambda number, _: token.run_sync_soon(interrupt.come, number)) for each in ending}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal(each, handler)


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
