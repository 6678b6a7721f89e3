"""Handles the signals that would end the process: some stop it in order, the others are logged and ignored."""

import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from math import inf
from signal import SIG_IGN, Signals

import trio

from krt.daemon.held import HEARD, STOPPING, release
from krt.logs import Log

log = Log("daemon")

_QUIET_SECONDS = 60.0
_STARTED_ONCE = "krt reads its settings and its policy at the start only: restart it to apply changes"
_STOPPING_ALREADY = "krt is stopping already, within KRT_GRACE; SIGKILL ends it at once"


@contextmanager
def heard() -> Iterator[AsyncIterator[int]]:
    """Yield an iterator over the numbers of arriving signals that would end the process. Blocked signals come first."""
    before = {each: signal.signal(each, _pass) for each in HEARD}  # for signals that Trio raises again at the end
    try:
        with trio.open_signal_receiver(*HEARD) as signals:
            release()
            yield signals
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def stopping_signals() -> frozenset[int]:
    """STOPPING, and SIGHUP if krt runs in a terminal without nohup: then SIGHUP means that the terminal was closed."""
    if "SIGHUP" not in Signals.__members__ or signal.getsignal(signal.SIGHUP) is SIG_IGN or not sys.stderr.isatty():
        return STOPPING
    return STOPPING | {signal.SIGHUP}


async def hear(signals: AsyncIterator[int], stop: Callable[[str], None], *, stopping: frozenset[int]) -> None:
    """Call `stop` with the name of the first signal in `stopping`. Log each other signal at most once a minute."""
    said_at: dict[int, float] = {}
    stopped = False
    async for number in signals:
        if number in stopping and not stopped:
            stopped = True
            said_at.clear()
            stop(_name(number))
        elif trio.current_time() >= said_at.get(number, -inf) + _QUIET_SECONDS:
            said_at[number] = trio.current_time()
            log.warning("signal_ignored", signal=_name(number), problem=_STOPPING_ALREADY if stopped else _STARTED_ONCE)


def _name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:  # only the first and the last of the real-time signals have names
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def _pass(_number: int, _frame: object) -> None:
    pass
