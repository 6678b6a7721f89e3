"""The status of a Bundle: its phase, the condition Unpacked, and the content that was unpacked. Pure.

Phases and reasons are RukPak's (operator-framework/rukpak v0.12, api/v1alpha1).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from krt.core.kube.fields import text_at
from krt.core.kube.stated_conditions import StatedCondition
from krt.core.rukpak.bundle import RukpakBundle
from krt.core.rukpak.conditions import UNPACKED, resolved_source, with_conditions


class Phase(StrEnum):
    """How far a Bundle is: PENDING waits for its source, FAILING will not succeed as it is."""

    PENDING = "Pending"
    UNPACKING = "Unpacking"
    UNPACKED = "Unpacked"
    FAILING = "Failing"


def phase_of(bundle: RukpakBundle) -> str:
    """The phase in the status; "" before the first."""
    return text_at(bundle.status, "phase")


def pending(bundle: RukpakBundle, problem: str, now: datetime) -> dict[str, object]:
    """The status while the source cannot be asked."""
    return _status(bundle, Phase.PENDING, StatedCondition(UNPACKED, False, "UnpackPending", problem), now)  # noqa: FBT003


def unpacking(bundle: RukpakBundle, now: datetime) -> dict[str, object]:
    """The status while krt reads the source."""
    said = StatedCondition(UNPACKED, False, "Unpacking", "krt reads the source")  # noqa: FBT003
    return _status(bundle, Phase.UNPACKING, said, now)


def failing(bundle: RukpakBundle, problem: str, now: datetime) -> dict[str, object]:
    """The status if the source has no such content, or none that is a bundle. It still names the content of before."""
    return _status(bundle, Phase.FAILING, StatedCondition(UNPACKED, False, "UnpackFailed", problem), now)  # noqa: FBT003


def unpacked(bundle: RukpakBundle, resolved: str, content_url: str, now: datetime) -> dict[str, object]:
    """The status if the content was read and is a bundle."""
    said = StatedCondition(UNPACKED, True, "UnpackSuccessful", f"Successfully unpacked {content_url}")  # noqa: FBT003
    status = _status(bundle, Phase.UNPACKED, said, now)
    return status | {"resolvedSource": resolved_source(bundle.source, resolved), "contentURL": content_url}


def _status(bundle: RukpakBundle, phase: Phase, said: StatedCondition, now: datetime) -> dict[str, object]:
    kept: Mapping[str, object] = bundle.status
    conditions = with_conditions(kept, [said], bundle.generation, now)
    return {**kept, "phase": phase.value, "conditions": conditions, "observedGeneration": bundle.generation}
