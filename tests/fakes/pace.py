"""How fast this machine is, at this moment: no limit of a test may be one that only a fast machine keeps.

    assert seconds < slack(1.0)               # a second on the machine on which the tests were written
    with trio.fail_after(PATIENCE_SECONDS):   # what must happen, and would otherwise be waited for for ever

`python -m tests.fakes.pace` prints the figure.
"""

import json
import os
from functools import cache
from hashlib import sha256
from time import perf_counter

# What `_work` took on the machine of docs/performance.md, idle.
_REFERENCE_SECONDS = 0.3
_SPARE = 4.0
# Where nothing but a fault can make it longer, and a test that passes never waits for it. A test of a mutation has
# less: many of them fail by waiting in vain, and the run that holds them must not be cut before they do.
PATIENCE_SECONDS = float(os.environ.get("KRT_TEST_PATIENCE", "120"))


@cache
def pace() -> float:
    """How many times longer the same work takes here, the neighbours' share included; 1 at least.

    Long enough to be throttled by a control group that allows half a processor.
    """
    began = perf_counter()
    _work()
    return max(1.0, (perf_counter() - began) / _REFERENCE_SECONDS)


def slack(seconds: float) -> float:
    """What so many seconds of the other machine may become here, with four times as much to spare."""
    return _SPARE * pace() * seconds


def _work() -> None:
    text = json.dumps([{"name": f"web-{number}", "replicas": number} for number in range(2_000)])
    for _ in range(120):
        sha256(json.dumps(json.loads(text)).encode()).hexdigest()
        sum(number * number for number in range(20_000))


if __name__ == "__main__":
    print(f"{pace():.2f}")
