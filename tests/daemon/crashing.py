"""krt with a bug: `python -m tests.daemon.crashing web` crashes a moment after it has started."""

import sys

import trio

from krt.cli.main import main
from krt.daemon import root
from krt.daemon.shared import Daemon


async def crash(_: Daemon, *, task_status: trio.TaskStatus[tuple[()]]) -> None:
    task_status.started(())
    await trio.sleep(0.3)
    raise ZeroDivisionError("a bug, for the test")


root.admin = crash
sys.exit(main())
