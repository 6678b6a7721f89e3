"""Finds a RukPak that is active in the cluster: two controllers for the same objects would undo each other's work."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from krt.cluster.transport import Transport, decoded
from krt.core.kube.builtin import LEASE, VALIDATING_WEBHOOKS
from krt.core.kube.fields import items_at, text_at
from krt.core.rukpak.names import GROUP
from krt.errors import ClusterDenied
from krt.logs import Log

log = Log("controller")

# Names of RukPak v0.12: cmd/core/main.go (LeaderElectionID), and manifests/apis/webhooks.
_LEASES = ("core.rukpak.io", "helm.rukpak.io")
_WEBHOOKS = f".{GROUP}"
_FRESH = timedelta(seconds=60)

_json = msgspec.json.Decoder(dict[str, Any])


async def active_rukpak(transport: Transport) -> str:
    """Which sign there is of an active RukPak; "" if none, or if krt may not look. Raises ClusterError."""
    try:
        return await _webhook(transport) or await _lease(transport)
    except ClusterDenied as error:
        log.warning("rukpak_not_looked_for", problem=error)
        return ""


async def _webhook(transport: Transport) -> str:
    found = decoded(_json.decode, await transport.call("GET", VALIDATING_WEBHOOKS.collection_path(None)))
    for configuration in items_at(found, "items"):
        for webhook in items_at(configuration, "webhooks"):
            if text_at(webhook, "name").endswith(_WEBHOOKS):
                return f"its webhook {text_at(webhook, 'name')}"
    return ""


async def _lease(transport: Transport) -> str:
    for name in _LEASES:
        path, params = LEASE.collection_path(None), {"fieldSelector": f"metadata.name={name}"}
        found = decoded(_json.decode, await transport.call("GET", path, params=params))
        for lease in items_at(found, "items"):
            if text_at(lease, "spec", "holderIdentity") and _is_fresh(text_at(lease, "spec", "renewTime")):
                return f"its Lease {text_at(lease, 'metadata', 'namespace')}/{name}"
    return ""


def _is_fresh(renewed: str) -> bool:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(renewed) < _FRESH
    except (ValueError, TypeError):  # no time, or one without a zone
        return False
