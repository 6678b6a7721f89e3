"""RukPak's documents as the API server sends them."""

from typing import Any

IMAGE = {"type": "image", "image": {"ref": "ghcr.io/acme/shop-bundle:main"}}
PINNED = "ghcr.io/acme/shop-bundle@sha256:" + "a" * 64


def deployment(name: str = "shop", *, source: Any = IMAGE, **more: Any) -> dict[str, Any]:
    """A BundleDeployment; `metadata`, `template` (its metadata) and `status` in `more`."""
    template = {
        "metadata": {"labels": {"app": "my-bundle"}} | more.get("template", {}),
        "spec": {"source": source, "provisionerClassName": "core-rukpak-io-plain"},
    }
    return {
        "apiVersion": "core.rukpak.io/v1alpha1",
        "kind": "BundleDeployment",
        "metadata": {"name": name, "uid": "u-1", "resourceVersion": "7", "generation": 1} | more.get("metadata", {}),
        "spec": {"provisionerClassName": "core-rukpak-io-plain", "template": template},
        "status": more.get("status", {}),
    }
