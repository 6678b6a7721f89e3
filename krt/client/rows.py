"""Assigns the workloads of a report to the rows of the live display. Pure."""

from krt.core.report.report_document import ListedTarget
from krt.core.report.target import URGENCY

_Key = tuple[str, ...]  # `ListedTarget.key`


class Rows:
    """Keeps each workload in its row while states change: a moving row cannot be read.

    If there are more workloads than rows, the most urgent are shown. A workload that becomes more urgent takes the row
    of one that became less urgent, and no other row moves.
    """

    def __init__(self) -> None:
        self._keys: list[_Key] = []

    def arrange(self, targets: tuple[ListedTarget, ...], most: int) -> list[ListedTarget]:
        """The targets to show, at most `most`, in the order of their rows."""
        by_key = {target.key: target for target in targets}
        ranked = sorted(by_key, key=lambda key: (_urgency(by_key[key]), key not in self._keys))[:most]
        coming = [key for key in ranked if key not in self._keys]
        for row, key in enumerate(self._keys):
            if key not in ranked and coming:
                self._keys[row] = coming.pop(0)
        self._keys = [key for key in [*self._keys, *coming] if key in ranked]
        return [by_key[key] for key in self._keys]


def _urgency(target: ListedTarget) -> int:
    return URGENCY.get(target.state, 0)  # an unknown state, from a newer krt web, counts as the most urgent
