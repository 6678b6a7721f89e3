"""The conditions of a BundleDeployment for each way in which a delivery can go on or end. Pure.

Each docstring names the case for which a function returns the conditions. Reasons and sentences are RukPak's, as far as
it has them (operator-framework/rukpak v0.12, internal/provisioner).
"""

from krt.core.kube.fields import conditions_of
from krt.core.kube.stated_conditions import StatedCondition
from krt.core.rukpak.bundle_deployment import BundleDeployment
from krt.core.rukpak.conditions import DRIFT_WATCHED, HAS_VALID_BUNDLE, HEALTHY, INSTALLED

Stated = tuple[StatedCondition, ...]


def unpack_failed(bundle: str, problem: str) -> Stated:
    """The source has no valid bundle. The objects that are installed stay."""
    message = f"Failed to unpack the {bundle} Bundle: {problem}"
    return (StatedCondition(HAS_VALID_BUNDLE, False, "UnpackFailed", message),)  # noqa: FBT003


def unpack_pending(bundle: str, problem: str) -> Stated:
    """The source cannot be asked at present."""
    message = f"Waiting to unpack the {bundle} Bundle: {problem}"
    return (StatedCondition(HAS_VALID_BUNDLE, False, "UnpackPending", message),)  # noqa: FBT003


def valid(bundle: str) -> Stated:
    """The Bundle was unpacked."""
    message = f"Successfully unpacked the {bundle} Bundle"
    return (StatedCondition(HAS_VALID_BUNDLE, True, "UnpackSuccessful", message),)  # noqa: FBT003


def not_installed(deployment: BundleDeployment, bundle: str, problem: str) -> Stated:
    """The API server did not take all of the objects, or krt refused them."""
    reason = "UpgradeFailed" if deployment.active_bundle else "InstallFailed"
    return (*valid(bundle), StatedCondition(INSTALLED, False, reason, problem))  # noqa: FBT003


def installed_but_unhealthy(bundle: str, problem: str) -> Stated:
    """All objects were applied, and one is not ready."""
    return (*installed_without_health(bundle), unhealthy(problem))


def installed_well(bundle: str) -> Stated:
    """All objects were applied, and all are ready."""
    return (*installed_without_health(bundle), healthy())


def installed_without_health(bundle: str) -> Stated:
    """All objects were applied."""
    message = f"Instantiated bundle {bundle} successfully"
    return (*valid(bundle), StatedCondition(INSTALLED, True, "InstallationSucceeded", message))  # noqa: FBT003


def healthy() -> StatedCondition:
    """All objects are ready."""
    return StatedCondition(HEALTHY, True, "Healthy", "All objects are ready")  # noqa: FBT003


def unhealthy(problem: str) -> StatedCondition:
    """An object is not ready."""
    return StatedCondition(HEALTHY, False, "Unhealthy", problem)  # noqa: FBT003


def drift_watched(deployment: BundleDeployment, problem: str) -> Stated:
    """Why drift of a kind cannot be seen. Without a problem nothing, or that it can be seen again."""
    if problem:
        return (StatedCondition(DRIFT_WATCHED, False, "WatchDenied", problem),)  # noqa: FBT003
    if DRIFT_WATCHED not in conditions_of({"status": deployment.status}):
        return ()
    return (StatedCondition(DRIFT_WATCHED, True, "Watched", "Changes of all objects are seen"),)  # noqa: FBT003


def not_removed(problem: str) -> Stated:
    """The deployment is to be deleted, and one of its objects cannot be deleted."""
    return (StatedCondition(INSTALLED, False, "ReconcileFailed", problem),)  # noqa: FBT003


def is_installed(deployment: BundleDeployment) -> bool:
    """Whether all objects of a bundle were applied, and none was refused since."""
    found = conditions_of({"status": deployment.status}).get(INSTALLED)
    return found is not None and found.status == "True"


def state_of(deployment: BundleDeployment) -> str:
    """One word for the metrics: installed, unhealthy, failing, or pending before the first end."""
    found = conditions_of({"status": deployment.status})
    states = {kind: found[kind].status for kind in (HAS_VALID_BUNDLE, INSTALLED, HEALTHY) if kind in found}
    if states.get(HAS_VALID_BUNDLE) == "False" or states.get(INSTALLED) == "False":
        return "failing"
    if states.get(HEALTHY) == "False":
        return "unhealthy"
    return "installed" if states.get(INSTALLED) == "True" else "pending"
