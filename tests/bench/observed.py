"""`python -m tests.bench.observed worker`: krt as it is, and a log line for every slice of the loop that was long.

A slice is what a task does between two checkpoints: nothing else happens meanwhile. Also logged: when the first byte
of the first list came.
"""

import gc
import sys
import time
from functools import partial

import trio

from krt.cli.main import main
from krt.cluster import transport
from krt.logs import Log

_LONG_SECONDS = 0.004

log = Log("bench")


class Slices(trio.abc.Instrument):
    """Says which task held the loop, and for how long."""

    def __init__(self) -> None:
        self._began = self._ran = 0.0
        self._collecting = 0.0
        self._collected = 0.0
        gc.callbacks.append(self._note)

    def before_task_step(self, _: trio.lowlevel.Task) -> None:
        self._began, self._ran, self._collected = time.perf_counter(), time.thread_time(), 0.0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        seconds = time.perf_counter() - self._began
        if seconds > _LONG_SECONDS:
            log.info(
                "loop_held",
                task=task.name,
                milliseconds=round(seconds * 1000, 1),
                processor=round((time.thread_time() - self._ran) * 1000, 1),  # the rest the kernel gave to others
                collecting=round(self._collected * 1000, 1),
            )

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self._collected += time.perf_counter() - self._collecting


def _note_first_list() -> None:
    inner, told = transport._body, []

    async def body(response, *bounds):
        if not told and "limit=" in str(response.request.url):
            told.append(response)
            log.info("list_began")
        return await inner(response, *bounds)

    transport._body = body


if __name__ == "__main__":
    _note_first_list()
    trio.run = partial(trio.run, instruments=[Slices()])
    sys.exit(main())
