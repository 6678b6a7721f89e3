"""Tests side by side in several processes (pytest-xdist): how many, and a turn of its own for what measures.

A test that bears `alone` runs while no other test of this run does: it measures time or memory, which the neighbour
would spoil. Every other test holds a shared lock while it runs; `alone` holds it exclusively. Who waits for that holds
the door meanwhile, so that no chain of other tests keeps it waiting.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

MOST_WORKERS = 8  # each may start an API server, which takes up to a gigabyte


class Turns:
    """The plugin: in the process that the run was started in, and in each worker."""

    def __init__(self, config: pytest.Config) -> None:
        given = getattr(config, "workerinput", {}).get("turns")
        self._folder = Path(given or mkdtemp(prefix="krt-turns-"))
        if not given:
            config.add_cleanup(lambda: shutil.rmtree(self._folder))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Before a worker starts: it learns where the locks are."""
        node.workerinput["turns"] = str(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_auto_num_workers(self) -> int:
        """Of `-n auto`: one for each processor that this process may use."""
        return min(len(os.sched_getaffinity(0)), MOST_WORKERS)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with turn(self._folder, alone=item.get_closest_marker("alone") is not None):
            return (yield)


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold the lock of this folder until the block's end, shared with others or alone."""
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Turns(config))
