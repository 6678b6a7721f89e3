"""Measures how fast this machine is now, so that the limits in tests also hold on a slow machine.

    assert seconds < slack(1.0)               # one second on the machine on which the tests were written
    with trio.fail_after(PATIENCE_SECONDS):   # for something that must happen: the test fails instead of hanging

`python -m tests.fakes.pace` prints the figure.
"""

import json
import os
from functools import cache
from hashlib import sha256
from time import perf_counter

# The duration of `_work` on the idle machine of docs/performance.md.
_REFERENCE_SECONDS = 0.3
_SPARE = 4.0
# The deadline for anything that only a fault can delay; a passing test never waits that long. Tests run with a mutation
# get less: many of them fail by waiting in vain, and must do so before their run is cut.
PATIENCE_SECONDS = float(os.environ.get("KRT_TEST_PATIENCE", "120"))


@cache
def pace() -> float:
    """How many times longer the same work takes here, with the present load of other processes; 1 at least.

    The work is long enough to be throttled by a control group that allows half a processor.
    """
    began = perf_counter()
    _work()
    return max(1.0, (perf_counter() - began) / _REFERENCE_SECONDS)


def slack(seconds: float) -> float:
    """The limit here for an action that takes `seconds` on the reference machine, with a margin of four."""
    return _SPARE * pace() * seconds


def hurried(rate: float) -> float:
    """The rate of a mock clock that is `rate` on the other machine, and less here if this one is slower.

    Deadlines of krt's run on the mock clock, and the work within them on this machine.
    """
    return max(1.0, rate / pace())


def _work() -> None:
    text = json.dumps([{"name": f"web-{number}", "replicas": number} for number in range(2_000)])
    for _ in range(120):
        sha256(json.dumps(json.loads(text)).encode()).hexdigest()
        sum(number * number for number in range(20_000))


if __name__ == "__main__":
    print(f"{pace():.2f}")
