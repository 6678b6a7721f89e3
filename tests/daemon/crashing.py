"""krt with a bug: `python -m tests.daemon.crashing web` crashes a moment after it has started."""

import sys

import trio

from krt import daemon
from krt.cli.main import main


async def crash(_: daemon.Daemon, *, task_status: trio.TaskStatus[tuple[()]]) -> None:
    task_status.started(())
    await trio.sleep(0.3)
    raise ZeroDivisionError("a bug, for the test")


daemon.admin = crash
sys.exit(main())
