"""Tells whether somebody takes krt's entries back again and again. Pure.

Each attachment makes new pods. If a controller rewrote the template each time, rollouts would never end. So krt
attaches one delivery to the same pod template three times in an hour at most. A release by `kubectl replace` writes
another template, and counts anew.
"""

from datetime import UTC, datetime, timedelta

from krt.core.app_secrets.secrets import Stamps
from krt.core.kube.object_time import FORM, spelled

MOST_STAMPS = 3
_WITHIN = timedelta(hours=1)


def is_worn(stamps: Stamps, rest: str, now: datetime) -> bool:
    """Whether krt has attached the delivery to this template too often. `rest` is that of `rest_of`."""
    return stamps.count >= MOST_STAMPS and _counts(stamps, rest, now)


def stamped(stamps: Stamps, rest: str, now: datetime) -> Stamps:
    """The stamps with one more, for this template."""
    return Stamps((stamps.count if _counts(stamps, rest, now) else 0) + 1, spelled(now), rest)


def _counts(stamps: Stamps, rest: str, now: datetime) -> bool:
    try:
        at = datetime.strptime(stamps.at, FORM).replace(tzinfo=UTC)
    except ValueError:
        return False
    return stamps.template == rest and abs(now - at) < _WITHIN
