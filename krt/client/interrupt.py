"""Makes the signals that end a process end a command at a checkpoint of Trio, where connections can be closed."""

import signal as signals
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from signal import SIG_IGN, SIGINT, SIGTERM, Signals, getsignal, signal

import trio


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


@contextmanager
def heard(interrupt: Interrupt) -> Iterator[None]:
    """Within the block, SIGINT, SIGTERM and SIGHUP cancel `interrupt.scope`. SIGHUP is left alone under nohup.

    Signals that were blocked while the command started (`krt.daemon.held`) come at the beginning of the block.

    A cancelled request ends at a checkpoint. A KeyboardInterrupt could be raised anywhere in httpx; its generators
    would then outlive the run and print warnings.
    """
    token = trio.lowlevel.current_trio_token()
    hangup = {Signals[name] for name in ("SIGHUP",) if name in Signals.__members__}
    ending = [SIGINT, SIGTERM, *(each for each in hangup if getsignal(each) is not SIG_IGN)]
    before = {each: signal(each, lambda number, _: token.run_sync_soon(interrupt.come, number)) for each in ending}
    try:
        with _unblocked(ending):
            yield
    finally:
        for each, handler in before.items():
            signal(each, handler)


@contextmanager
def _unblocked(ending: Iterable[Signals]) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    before = signals.pthread_sigmask(signals.SIG_UNBLOCK, ending)
    try:
        yield
    finally:
        signals.pthread_sigmask(signals.SIG_SETMASK, before)
