"""Notices that somebody changes an object as often as krt repairs it, and makes krt repair it less and less often."""

from dataclasses import dataclass

import trio

from krt.core.kube.object_key import ObjectKey

# An object that was repaired so often, with less than _QUIET_SECONDS between, has another owner who does not give up.
FEW = 5
_QUIET_SECONDS = 600.0
_MOST_SECONDS = 300.0
_MOST_OBJECTS = 10_000


@dataclass(slots=True)
class _Repairs:
    count: int
    last_at: float  # on Trio's clock


class Fights:
    """The repairs of each object of all BundleDeployments. Those of long ago are forgotten."""

    def __init__(self) -> None:
        self._repairs: dict[tuple[str, ObjectKey], _Repairs] = {}

    def note(self, name: str, keys: tuple[ObjectKey, ...]) -> None:
        """These objects of the BundleDeployment are repaired now."""
        now = trio.current_time()
        self._forget(now)
        for key in keys:
            repairs = self._repairs.setdefault((name, key), _Repairs(0, now))
            repairs.count, repairs.last_at = repairs.count + 1, now

    def may_repair(self, name: str, key: ObjectKey) -> bool:
        """Whether it is time: at once at first, then after pauses from 1 s to 5 min."""
        repairs = self._repairs.get((name, key))
        return repairs is None or trio.current_time() - repairs.last_at >= _pause(repairs.count)

    def fought(self, name: str) -> tuple[ObjectKey, ...]:
        """The objects of the BundleDeployment about which somebody fights."""
        self._forget(trio.current_time())
        found = ((key, repairs) for (of, key), repairs in self._repairs.items() if of == name)
        return tuple(sorted(key for key, repairs in found if repairs.count >= FEW))

    def _forget(self, now: float) -> None:
        for place in [place for place, each in self._repairs.items() if now - each.last_at > _QUIET_SECONDS]:
            del self._repairs[place]
        while len(self._repairs) > _MOST_OBJECTS:
            del self._repairs[next(iter(self._repairs))]


def _pause(count: int) -> float:
    return 0.0 if count < FEW else min(2.0 ** (count - FEW), _MOST_SECONDS)
