"""The steps of a run that publishes a bundle, one of which `owed_restarts.next_step` answers. Pure."""

from dataclasses import dataclass

from krt.core.delivery.restart_target import RestartTarget


@dataclass(frozen=True, slots=True)
class RestartTargetNow:
    """Send `restart_patch` to the target, and step again. A conflict is no failure: the target is read again."""

    target: RestartTarget
    change: str


@dataclass(frozen=True, slots=True)
class TakeOffList:
    """Send `take_off` to the Secret, and step again. `warning` is for people; without one, its rollout ended well.

    `is_restarted`: it has been restarted for this change, and counts among `restarted_targets`.
    """

    target: RestartTarget
    is_restarted: bool
    warning: str = ""


@dataclass(frozen=True, slots=True)
class AwaitTarget:
    """The rollout is on its way: step again when the target has changed, or fail when its time is over."""

    target: RestartTarget
    reason: str


@dataclass(frozen=True, slots=True)
class TargetFailed:
    """The run has failed. The target stays on the list: the next run restarts it, or follows it to its end."""

    target: RestartTarget
    reason: str


@dataclass(frozen=True, slots=True)
class BundleSuperseded:
    """Somebody has published another bundle, or has deleted the Secret: the run ends, and touches nothing more."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingOwed:
    """Every named target has been restarted since the content changed, and its rollout has ended well."""


Step = RestartTargetNow | TakeOffList | AwaitTarget | TargetFailed | BundleSuperseded | NothingOwed
