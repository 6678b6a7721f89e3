"""Names the signals that krt hears, and lets them wait while krt starts. Imports nothing that takes time."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from signal import Signals


def _there_are(names: Iterable[str]) -> frozenset[int]:
    return frozenset(Signals[name] for name in names if name in Signals.__members__)


# Sent by a supervisor, a terminal (Ctrl-C, Ctrl-\), a limit on processor time, or a machine that loses power.
STOPPING = _there_are(["SIGTERM", "SIGINT", "SIGQUIT", "SIGXCPU", "SIGPWR"])
_REAL_TIME = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
# Each of these ends a process by default, and has no meaning for krt. krt leaves three groups alone: faults such as
# SIGSEGV, whose core dump is useful; SIGTSTP and its kind, which end nothing; SIGPIPE, SIGXFSZ, which Python ignores.
IGNORED = _there_are(
    ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGSTKFLT", "SIGEMT"]
).union(_REAL_TIME)
HEARD = STOPPING | IGNORED
_OF_COMMANDS = _there_are(["SIGINT", "SIGTERM", "SIGHUP"])  # krt/client/interrupt.py hears them


@contextmanager
def held(signals: frozenset[int] = HEARD) -> Iterator[None]:
    """Within the block, signals are blocked until `release`, so none is lost while krt imports and reads its settings.

    Signals that still wait at the end of the block are discarded: by then the process is about to end.
    Start no child process before `release`: it would inherit the blocked signals.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        while waiting := signal.sigpending() & signals:  # krt has said why it ends: its own exit code counts
            signal.sigwait(waiting)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def held_for_command() -> Iterator[None]:
    """Let signals wait until a command hears them (krt/client/interrupt.py). After its result they change nothing."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in _OF_COMMANDS}
    try:
        with held(_OF_COMMANDS):
            for each, handler in before.items():
                # Not SIG_IGN, which child processes would inherit. A thread of Trio may still take signals.
                signal.signal(each, handler if handler is signal.SIG_IGN else lambda *_: None)
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def release() -> None:
    """Unblock the signals. Those that have arrived meanwhile are delivered at once."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
