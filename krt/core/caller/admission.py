"""Whether a worker's own policy admits an event. A worker trusts neither the channel nor the journal. Pure."""

from enum import StrEnum

from krt.core.announce.event import Event
from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule, admits, admits_image


class Refusal(StrEnum):
    """Why a worker's policy refuses an event, so that it restarts nothing; for the report and for `krt explain`."""

    NONE_SET = "the worker's policy admits no such image: neither KRT_POLICY nor ALLOWED_IMAGE_PREFIX is set"
    PREFIX = "the worker's policy admits no such image: it is outside of ALLOWED_IMAGE_PREFIX"
    IMAGE = "the worker's policy admits no such image: no rule of KRT_POLICY has it"
    TAGS = "the worker's policy admits no such image: no rule of KRT_POLICY has it with these tags"


def refusal(event: Event, policy: tuple[Rule, ...] | None, images: tuple[ImagePattern, ...] | None) -> Refusal | None:
    """Why a worker with these settings refuses the event; None if every setting that is given admits it.

    `policy` is KRT_POLICY and `images` is ALLOWED_IMAGE_PREFIX, each None if it is not set.
    """
    if policy is None and images is None:
        return Refusal.NONE_SET
    if images is not None and not admits_image(images, event.repository):
        return Refusal.PREFIX
    if policy is None or admits(policy, event):
        return None
    return Refusal.TAGS if rules_with(policy, event) else Refusal.IMAGE


def rules_with(policy: tuple[Rule, ...], event: Event) -> tuple[Rule, ...]:
    """The rules that admit the event's image, whether or not they admit its tags."""
    return tuple(rule for rule in policy if admits_image(rule.images, event.repository))
