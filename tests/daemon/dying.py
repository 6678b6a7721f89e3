"""krt with a bug: `python -m tests.daemon.dying worker` crashes as soon as it has said that it is there."""

import sys

from krt.cli.main import main
from krt.core.ports.rollouts import Rollouts
from krt.worker import chores
from krt.worker.stalls import Stalls


async def say_alive(rollouts: Rollouts, _: Stalls) -> None:
    await rollouts.say_alive()
    raise ZeroDivisionError("a bug, for the test")


chores.say_alive = say_alive
sys.exit(main())
