"""The size of the largest tests. Continuous integration runs them at a part of the size that krt promises to bear.

TEST_SIZE=1 pytest -m slow tests/controller/test_scale.py         # the figures of docs/performance.md
"""

import os

SIZE = float(os.environ.get("TEST_SIZE", "0.2"))


def sized(full: int) -> int:
    """So many of `full`: a fifth, unless TEST_SIZE says otherwise."""
    return max(1, round(full * SIZE))
