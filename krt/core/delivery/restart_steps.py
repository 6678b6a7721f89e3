"""The steps of a run that publishes a bundle. `owed_restarts.next_step` returns one of them. Pure."""

from dataclasses import dataclass

from krt.core.delivery.restart_target import RestartTarget


@dataclass(frozen=True, slots=True)
class RestartTargetNow:
    """Send `restart_patch` to the target, then ask for the next step. After a conflict, read the target again.

    `change` is the id of the change of the Secret for which the target is restarted.
    """

    target: RestartTarget
    change: str


@dataclass(frozen=True, slots=True)
class TakeOffList:
    """Send `take_off` to the Secret, then ask for the next step.

    `warning` is for people; if it is "", the target's rollout has ended well. `is_restarted`: the target was restarted
    for this change, and the output `restarted_targets` lists it.
    """

    target: RestartTarget
    is_restarted: bool
    warning: str = ""


@dataclass(frozen=True, slots=True)
class AwaitTarget:
    """The rollout has not ended: ask for the next step when the target has changed, or fail at the run's timeout."""

    target: RestartTarget
    reason: str


@dataclass(frozen=True, slots=True)
class TargetFailed:
    """The run has failed. The target stays on the list, so the next run restarts it or follows its rollout."""

    target: RestartTarget
    reason: str


@dataclass(frozen=True, slots=True)
class BundleSuperseded:
    """Somebody has published another bundle or deleted the Secret: the run ends without another write."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingOwed:
    """No target is owed a restart any more: the run has ended well."""


RestartStep = RestartTargetNow | TakeOffList | AwaitTarget | TargetFailed | BundleSuperseded | NothingOwed
