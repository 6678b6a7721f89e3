"""Signals to a daemon: which stop it, and of which nothing comes but a line. None ends it without one."""

import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from signal import SIG_IGN, Signals

import trio

from krt.logs import Log

log = Log("daemon")

_QUIET_SECONDS = 60.0
_STARTED_ONCE = "krt reads its settings and its policy at the start only: restart it to take in what has changed"
_STOPPING_ALREADY = "krt is stopping already, within KRT_GRACE; SIGKILL ends it at once"


def _there_are(names: Iterable[str]) -> frozenset[int]:
    return frozenset(Signals[name] for name in names if name in Signals.__members__)


# Of a supervisor, of a terminal (Ctrl-C, Ctrl-\), of a limit of processor time, of a machine that loses its power.
STOPPING = _there_are(["SIGTERM", "SIGINT", "SIGQUIT", "SIGXCPU", "SIGPWR"])
_REAL_TIME = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
# By default each of these ends a process, and none of them has a meaning for krt. Left as they are: faults (SIGSEGV),
# whose core somebody wants, SIGTSTP and its kind, which end nothing, and SIGPIPE and SIGXFSZ, which Python ignores.
IGNORED = _there_are(
    ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGSTKFLT", "SIGEMT"]
).union(_REAL_TIME)
_HEARD = STOPPING | IGNORED


@contextmanager
def held() -> Iterator[None]:
    """Within the block signals wait for `heard`: what comes while krt reads its settings is not lost.

    No process may be started before that: it would be deaf.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def heard() -> Iterator[AsyncIterator[int]]:
    """Every signal that would end the process, until the end of the block. Those that were held come first."""
    before = {each: signal.signal(each, _pass) for each in _HEARD}  # Trio raises again what comes as it closes
    try:
        with trio.open_signal_receiver(*_HEARD) as signals:
            if sys.platform != "win32":
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            yield signals
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def stopping_signals() -> frozenset[int]:
    """STOPPING; and SIGHUP where krt was started in a terminal, which has closed: nobody would see it any more."""
    if "SIGHUP" not in Signals.__members__ or signal.getsignal(signal.SIGHUP) is SIG_IGN or not sys.stderr.isatty():
        return STOPPING
    return STOPPING | {signal.SIGHUP}


async def hear(signals: AsyncIterator[int], stop: Callable[[str], None], *, stopping: frozenset[int]) -> None:
    """Call `stop` with the name of the first of `stopping`. Of each other one there is a line a minute at most."""
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
