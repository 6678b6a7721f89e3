"""`alone` is alone, and no chain of others keeps it waiting. Real processes: a file's lock is one of processes."""

import fcntl
import multiprocessing
import os
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.ports import free_ports, slice_of
from tests.fakes.turns import Turns, turn

_SPAWN = multiprocessing.get_context("spawn")


def _take(folder: Path, alone: bool, has: Event, gives_back: Event) -> None:
    with turn(folder, alone=alone):
        has.set()
        gives_back.wait()


class Other:
    """A process that takes a turn."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.has, self._gives_back = _SPAWN.Event(), _SPAWN.Event()
        given = (folder, alone, self.has, self._gives_back)
        self._process = _SPAWN.Process(target=_take, args=given, daemon=True)  # a failed test must not hang the run
        self._process.start()

    def end(self) -> None:
        self._gives_back.set()
        self._process.join()


def _waits(other: Other) -> bool:
    """Half a second proves nothing on a slow machine, and cannot fail on one either."""
    return not other.has.wait(0.5)


def _is_held(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _until_held(lock: Path) -> None:
    """A process that has just been started comes to the lock late on a busy machine."""
    while not _is_held(lock):
        time.sleep(0.01)


def test_tests_run_side_by_side_and_what_is_alone_waits_for_them_and_is_waited_for(tmp_path: Path) -> None:
    """Seen to fail with a shared lock for `alone`, and, in its last lines, without the door."""
    first, second = Other(tmp_path, alone=False), Other(tmp_path, alone=False)
    assert first.has.wait()
    assert second.has.wait()
    measuring = Other(tmp_path, alone=True)
    _until_held(tmp_path / "door")
    assert _waits(measuring)
    late = Other(tmp_path, alone=False)
    first.end()
    assert _waits(late)
    second.end()
    assert measuring.has.wait()
    assert _waits(late)
    measuring.end()
    assert late.has.wait()
    late.end()


def test_each_worker_has_ports_of_its_own() -> None:
    everything = range(10_000, 32_768)
    slices = [
        slice_of(
            everything,
            {"TEST_PART": f"{part}/2", "PYTEST_XDIST_WORKER": f"gw{n}", "PYTEST_XDIST_WORKER_COUNT": "3"},
        )
        for n in range(3)
        for part in range(2)
    ]
    assert sorted(port for each in slices for port in each) == list(everything)
    assert slice_of(everything, {}) == everything


def test_no_port_is_given_twice_before_its_server_has_started() -> None:
    """Seen to fail with ports drawn anew each time: two processes of a fleet had one, in 2 % of the runs."""
    assert len({port for _ in range(300) for port in free_ports(2)}) == 600


class Item:
    """A test as far as the plugin looks at it."""

    def __init__(self, *marks: str) -> None:
        self.marks = marks

    def get_closest_marker(self, name: str) -> object:
        return name if name in self.marks else None


def _turns(folder: Path, *, workers: int = 1) -> Any:
    given = {"turns": folder, "workercount": workers}
    return Turns(cast("Any", SimpleNamespace(workerinput=given)))


@pytest.fixture
def turns(tmp_path: Path) -> Any:
    return _turns(tmp_path)


def _run(turns: Any, item: Item, then: Item | None) -> None:
    protocol = turns.pytest_runtest_protocol(item, then)
    next(protocol)
    with pytest.raises(StopIteration):
        protocol.send(None)


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_what_is_alone_comes_first_and_half_of_the_other_workers_begin_with_what_is_long(
    tmp_path: Path, workers: int
) -> None:
    """Seen to fail without the hook, and with everything long at the beginning."""
    alone, long = [Item("alone"), Item("alone")], [Item("slow", "long") for _ in range(4)]
    items = [*(Item("slow") for _ in range(500)), *long, *alone, *(Item() for _ in range(500))]
    _turns(tmp_path, workers=workers).pytest_collection_modifyitems(items)
    assert (items[:2], len(items)) == (alone, 1006)
    parts = [items[len(items) * n // workers : len(items) * (n + 1) // workers] for n in range(workers)]
    found = [[part.index(item) for item in part if item in long] for part in parts]
    assert [len(each) for each in found] == {1: [4], 2: [0, 4], 3: [0, 4, 0], 5: [0, 2, 2, 0, 0]}[workers]
    assert all(place < 6 for each in found for place in each)


def test_no_worker_begins_before_what_is_alone(tmp_path: Path) -> None:
    """Seen to fail without a wait: a test of a minute had begun, for which all others waited then.

    And with a wait of all but the worker gw0: pytest-xdist gives the first part to whichever is ready first.
    """
    first, second = (_turns(tmp_path, workers=2) for _ in range(2))
    for each in (first, second):
        each.pytest_collection_modifyitems([Item("long"), Item("alone"), Item()])
    begun = threading.Event()

    def begin() -> None:
        _run(second, Item("long"), None)
        begun.set()

    other = threading.Thread(target=begin)
    other.start()
    assert not begun.wait(0.2)
    _run(first, Item("alone"), None)
    other.join()
    assert begun.is_set()


def test_a_run_in_one_process_waits_for_nobody(tmp_path: Path) -> None:
    """Whatever other plugins put first. Seen to fail: `--ff` waited for a minute."""
    turns = _turns(tmp_path)
    turns.pytest_collection_modifyitems([Item("alone"), Item()])
    began = time.monotonic()
    _run(turns, Item(), None)
    assert time.monotonic() - began < 30


def test_without_anything_alone_no_worker_waits(tmp_path: Path) -> None:
    second = _turns(tmp_path, workers=2)
    second.pytest_collection_modifyitems([Item("long"), Item()])
    _run(second, Item("long"), None)


def test_several_runs_at_once_have_the_same_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with a folder for each run. The folder is nobody's: who asks for its end gets an AttributeError."""
    monkeypatch.setenv("TEST_TURNS", str(tmp_path))
    turns = Turns(cast("Any", SimpleNamespace()))
    _run(turns, Item("alone"), Item("alone"))
    assert _is_held(tmp_path / "room")
    _run(turns, Item("alone"), None)
    assert "TEST_TURNS" not in os.environ


def test_between_two_that_are_alone_no_other_begins(turns: Any, tmp_path: Path) -> None:
    """Seen to fail with a lock for each of them."""
    _run(turns, Item("alone"), Item("alone"))
    assert _is_held(tmp_path / "room")
    _run(turns, Item("alone"), Item())
    assert not _is_held(tmp_path / "room")


@pytest.mark.parametrize("then", [None, Item(), Item("alone")])
def test_a_test_gives_its_turn_back(turns: Any, tmp_path: Path, then: Item | None) -> None:
    """Seen to fail with a turn that is kept whatever comes next."""
    _run(turns, Item(), then)
    assert not _is_held(tmp_path / "room")


def test_the_last_that_is_alone_gives_its_turn_back(turns: Any, tmp_path: Path) -> None:
    """Seen to fail with a turn that is kept whatever comes next."""
    _run(turns, Item("alone"), None)
    assert not _is_held(tmp_path / "room")
