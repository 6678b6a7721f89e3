"""Shared fixtures; each part brings its own."""

import gc
import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long a draw or an example takes says nothing on a machine that others use, too.
settings.register_profile("krt", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
# The search for examples that no run has seen is asked for by --hypothesis-profile=search: what it finds is a finding
# of today, and not of the change that somebody wants to land.
settings.register_profile("search", settings.get_profile("krt"), derandomize=False, max_examples=2000)
settings.load_profile("krt")

_HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
}

REAL_PARTS = ("apiserver", "browser", "cuelang", "gitserver", "kubeyaml", "registry")
pytest_plugins = [*(f"tests.{name}.plugin" for name in REAL_PARTS), "tests.fakes.turns"]


def pytest_configure() -> None:
    """Run in the background or by nohup, this ignores signals, and so would every process that is tried here."""
    for number, handler in _HANDLERS.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Every full collection of garbage walks through thousands of tests: none while they are found, and none after.

    It is a fifth of the processor time of finding them, in each worker of pytest-xdist (10.5 s and 8.7 s).
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that is run within the tests configures logging for its whole process: the next test gets its own."""
    root, ours = logging.getLogger(), logging.getLogger("krt")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
