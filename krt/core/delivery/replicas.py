"""The number of a workload's replicas, if others than krt scale the workload. Pure.

If an autoscaler or `kubectl scale` has written the number through the subresource `scale`, krt leaves it to them. If a
new version of a manifest no longer has the number, krt gives the field up before the apply: otherwise the API server
would remove it with krt's ownership, and its default is one replica. Source: kubernetes.io/docs, "Server-Side Apply",
"Transferring ownership between managers".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from krt.core.delivery.ownership import Owner
from krt.core.kube.fields import field_at, items_at, mapping_at, text_at

_SPEC, _REPLICAS = "f:spec", "f:replicas"

# The kinds of Kubernetes' own that have the number.
SCALABLE = {"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"}

_Body = Mapping[str, object]


def has_replicas(body: _Body) -> bool:
    """Whether the manifest has the number."""
    return "replicas" in mapping_at(body, "spec")


def without_replicas(body: _Body) -> dict[str, object]:
    """The manifest without the number."""
    spec = {name: value for name, value in mapping_at(body, "spec").items() if name != "replicas"}
    return {**body, "spec": spec}


def is_scaled(live: _Body) -> bool:
    """Whether the number of the live object was written through the subresource `scale`."""
    entries = items_at(live, "metadata", "managedFields")
    return any(text_at(entry, "subresource") == "scale" and _has_replicas(entry) for entry in entries)


def give_up(live: _Body, owner: Owner) -> dict[str, object] | None:
    """The merge patch after which `owner` no longer owns the number; None if `owner` does not own the number.

    The API server refuses the patch if the object has changed since it was read.
    """
    entries = items_at(live, "metadata", "managedFields")
    left = given_up(entries, owner)
    if left == [*entries]:
        return None
    version = text_at(live, "metadata", "resourceVersion")
    return {"metadata": {"resourceVersion": version, "managedFields": left}}


def given_up(entries: Sequence[_Body], owner: Owner) -> list[_Body]:
    """The entries of managedFields without the owner's claim to the number."""
    return [_without(entry) if _is_own(entry, owner) and _has_replicas(entry) else entry for entry in entries]


def without_claim(live: _Body, patch: dict[str, Any] | None, owner: Owner) -> dict[str, Any] | None:
    """The `patch` of `take_over` without the owner's claim to the number; if it is None, the patch of `give_up`."""
    if patch is None:
        return give_up(live, owner)
    metadata = patch["metadata"]
    return {**patch, "metadata": {**metadata, "managedFields": given_up(metadata["managedFields"], owner)}}


def _is_own(entry: _Body, owner: Owner) -> bool:
    is_apply = text_at(entry, "operation") == "Apply" and not text_at(entry, "subresource")
    return is_apply and text_at(entry, "manager") == owner.field_manager


def _has_replicas(entry: _Body) -> bool:
    return field_at(entry, "fieldsV1", _SPEC, _REPLICAS) is not None


def _without(entry: _Body) -> _Body:
    fields = mapping_at(entry, "fieldsV1")
    spec = {name: below for name, below in mapping_at(fields, _SPEC).items() if name != _REPLICAS}
    return {**entry, "fieldsV1": {**fields, _SPEC: spec}}
