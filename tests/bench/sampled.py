"""`python -m tests.bench.sampled FILE MODULE [WORDS]`: a program, and at its end where its time went.

Looks at the stack every millisecond of processor time. A function's share is that of the looks that saw it anywhere on
the stack (`with`), or at its end (`self`).
"""

import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

_EVERY_SECONDS = 0.001
_MOST_ROWS = 150

_with: Counter[CodeType] = Counter()
_self: Counter[CodeType] = Counter()


def _look(_: int, frame: FrameType | None) -> None:
    seen: set[CodeType] = set()
    if frame:
        _self[frame.f_code] += 1
    while frame:
        seen.add(frame.f_code)
        frame = frame.f_back
    _with.update(seen)


def _table() -> str:
    looks = sum(_self.values())
    rows = [f"{looks} looks", "with%  self%"]
    for code, times in _with.most_common(_MOST_ROWS):
        where = "/".join(Path(code.co_filename).parts[-2:])
        rows.append(
            f"{times / looks:6.1%} {_self[code] / looks:6.1%}  {where}:{code.co_firstlineno} {code.co_qualname}"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    sys.argv = sys.argv[2:]
    signal.signal(signal.SIGPROF, _look)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_SECONDS, _EVERY_SECONDS)
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_text(_table())
