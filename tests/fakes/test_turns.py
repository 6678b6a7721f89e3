"""`alone` is alone, and no chain of others keeps it waiting. Real processes: a file's lock is one of processes."""

import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.fakes.ports import free_ports, slice_of
from tests.fakes.turns import turn

_SPAWN = multiprocessing.get_context("spawn")


def _take(folder: Path, alone: bool, has: Event, gives_back: Event) -> None:
    with turn(folder, alone=alone):
        has.set()
        gives_back.wait()


class Other:
    """A process that takes a turn."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.has, self._gives_back = _SPAWN.Event(), _SPAWN.Event()
        self._process = _SPAWN.Process(target=_take, args=(folder, alone, self.has, self._gives_back))
        self._process.start()

    def end(self) -> None:
        self._gives_back.set()
        self._process.join()


def _waits(other: Other) -> bool:
    """Half a second proves nothing on a slow machine, and cannot fail on one either."""
    return not other.has.wait(0.5)


def test_tests_run_side_by_side_and_what_is_alone_waits_for_them_and_is_waited_for(tmp_path: Path) -> None:
    """Seen to fail with a shared lock for `alone`, and, in its last lines, without the door."""
    first, second = Other(tmp_path, alone=False), Other(tmp_path, alone=False)
    assert first.has.wait()
    assert second.has.wait()
    measuring = Other(tmp_path, alone=True)
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
        slice_of(everything, {"PYTEST_XDIST_WORKER": f"gw{n}", "PYTEST_XDIST_WORKER_COUNT": "3"}) for n in range(3)
    ]
    assert sorted(port for each in slices for port in each) == list(everything)
    assert slice_of(everything, {}) == everything
    assert len(set(free_ports(5))) == 5
