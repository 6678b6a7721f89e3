"""Runs tests in several processes (pytest-xdist), and tests marked `alone` without any other test beside them.

A test marked `alone` measures time or memory, which other tests would disturb. Every other test holds a shared lock
while it runs; an `alone` test holds the lock exclusively. While it waits for the lock, it holds a second lock, the
door, which every test takes first: otherwise an unbroken chain of other tests could keep it waiting.

Several runs at once share their locks if TEST_TURNS names one folder for all of them. A run that a test starts does
not: it would wait for the turn of its own test.

A run begins with the tests marked `alone`, one after another under one lock, before any other test: later, all workers
would stand still until the longest test that is under way has ended. After them, half of the other workers begin with
those marked `long`. These mostly wait: if every worker had one, or if they came at the end of a run, the processors
would be idle beside them.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

MOST_WORKERS = 8  # each may start an API server, which takes up to a gigabyte
_PATIENCE_SECONDS = 60.0  # for the worker that has those marked `alone`; if it is lost, the others go on
_LOOK_SECONDS = 0.02


class Turns:
    """The plugin, in the controlling process and in each worker."""

    def __init__(self, config: pytest.Config) -> None:
        worker = getattr(config, "workerinput", {})
        given = worker.get("turns") or os.environ.pop("TEST_TURNS", None)
        self._workers = int(worker.get("workercount", 1))
        self._waits = False  # for the worker that has those marked `alone`
        self._folder = Path(given or mkdtemp(prefix="krt-turns-"))
        self._begun = self._folder / "begun"
        if not given:
            config.add_cleanup(lambda: shutil.rmtree(self._folder))
        self._held = ExitStack()
        self._holds = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker, before it starts, where the locks are."""
        node.workerinput["turns"] = str(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_auto_num_workers(self) -> int:
        """The number of workers for `-n auto`: one for each processor that this process may use."""
        return min(len(os.sched_getaffinity(0)), MOST_WORKERS)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """pytest-xdist gives each worker an equal part of this order, and idle workers take from the end of a part."""
        items.sort(key=_is_alone, reverse=True)
        alone = sum(map(_is_alone, items))
        self._waits = alone > 0 and self._workers > 1
        long = [item for item in items if item.get_closest_marker("long")]
        count, items[:] = len(items), [item for item in items if item not in long]
        first = min(1, self._workers - 1)  # the very first part has those marked `alone`
        half = max(1, (self._workers - 1) // 2)
        parts = sorted(first + number % half for number in range(len(long)))
        for part, item in zip(parts, long, strict=True):
            items.insert(max(part * count // self._workers, alone), item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        if self._waits:
            self._waits = False
            if not _is_alone(item):
                self._wait()
        if not self._holds:
            self._held.enter_context(turn(self._folder, alone=_is_alone(item)))
            if _is_alone(item):
                self._begun.touch()
        try:
            return (yield)
        finally:
            self._holds = _is_alone(item) and nextitem is not None and _is_alone(nextitem)
            if not self._holds:
                self._held.close()

    def _wait(self) -> None:
        """Until the worker that has those marked `alone` has its turn: whichever was ready first."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._begun.exists() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold the lock in this folder until the end of the block: exclusively if `alone`, else shared."""
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Turns(config))
