"""krt with a bug: `python -m tests.daemon.crashing web` crashes when it has started."""

import sys

import trio

from krt.cli.main import main
from krt.daemon import root
from krt.daemon.shared import Daemon

all_started = trio.Event()


async def crash(_: Daemon, *, task_status: trio.TaskStatus[tuple[()]]) -> None:
    task_status.started(())
    await all_started.wait()
    raise ZeroDivisionError("a bug, for the test")


root.admin = crash
root.collect_often = all_started.set  # what krt does last when it starts
sys.exit(main())
