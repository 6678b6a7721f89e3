"""The owner of the objects that a BundleDeployment installs. Pure."""

from krt.core.delivery.ownership import Owner
from krt.core.rukpak.names import BUNDLE_DEPLOYMENT


def owner_of(name: str) -> Owner:
    """The owner: its name is that of the BundleDeployment."""
    return Owner(BUNDLE_DEPLOYMENT.kind, name)
