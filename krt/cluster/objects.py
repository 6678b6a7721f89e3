"""The calls that read and write an object of any kind, as JSON.

Each may raise ClusterUnavailable, TooManyRequests, ClusterDenied (401, 403), ClusterRefused (an admission's denial,
another 4xx, a key that gives no path), NotThere and NotServed (404), and the errors that its docstring names. The
errors are defined in krt.errors and krt.cluster.object_errors. No call is repeated here. The caller bounds the number
of calls at a time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from krt.cluster.masking import Mask
from krt.cluster.object_errors import NotServed, ObjectTooLarge
from krt.cluster.transport import Transport, as_sent, decoded
from krt.core.kube.builtin import BUILT_IN, SECRET
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource, Unaddressable
from krt.errors import ClusterRefused

Body = dict[str, Any]
Propagation = Literal["Background", "Foreground", "Orphan"]

_SECONDS = 40.0  # an admission webhook may take 30 s (kubernetes.io/docs, "Dynamic Admission Control")
# Source: k8s.io/apiserver, pkg/server/config.go, MaxRequestBodyBytes.
_MOST_SENT_BYTES = 3 * 1024 * 1024

_json = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Applied:
    """The object after an apply. A Secret's `body` has its values. `is_new` is true if the apply created the object."""

    body: Body = field(repr=False)
    is_new: bool


async def read(transport: Transport, resource: Resource, key: ObjectKey) -> Body:
    """The object as it is at the API server now."""
    _, body = await _ask(transport, "GET", resource, key)
    return decoded(_object, body)


async def create(
    transport: Transport, resource: Resource, key: ObjectKey, body: Mapping[str, Any], *, manager: str
) -> Body:
    """Create the object, and return it as the API server stored it.

    Raises AlreadyThere if an object has the name, ObjectInvalid, ObjectTooLarge, and NotThere if the namespace is
    missing.
    """
    _, answer = await _ask(
        transport,
        "POST",
        resource,
        key,
        params={"fieldManager": manager},
        content=_encoded(key, body),
        headers={"Content-Type": "application/json"},
        conceal=Mask(body).status if resource == SECRET else as_sent,
    )
    return decoded(_object, answer)


async def apply(
    transport: Transport,
    resource: Resource,
    key: ObjectKey,
    body: Mapping[str, Any],
    *,
    manager: str,
    force: bool = False,
    dry_run: bool = False,
) -> Applied:
    """Server-side apply: `manager` then owns the fields in `body`. A field that it owned and now leaves out is removed.

    If the body has `metadata.resourceVersion`, an object that exists must have it. Raises Conflict if it has another
    one, FieldConflict if others own fields that would change (never with `force`), ObjectInvalid, ObjectTooLarge, and
    NotThere if the namespace is missing.
    """
    params = {"fieldManager": manager, "force": "true" if force else "false", **_dry(dry_run)}
    return await _patch(transport, resource, key, body, "apply-patch+yaml", params)


async def patch(
    transport: Transport,
    resource: Resource,
    key: ObjectKey,
    operations: Sequence[Mapping[str, Any]],
    *,
    manager: str,
    dry_run: bool = False,
) -> Body:
    """Apply a JSON Patch (RFC 6902) and return the object.

    If an operation sets `/metadata/resourceVersion`, the object must have this version. Raises Conflict if it has
    another one, ObjectInvalid (also if a `test` fails), ObjectTooLarge.
    """
    params = {"fieldManager": manager, **_dry(dry_run)}
    return (await _patch(transport, resource, key, operations, "json-patch+json", params)).body


async def merge(
    transport: Transport,
    resource: Resource,
    key: ObjectKey,
    fields: Mapping[str, Any],
    *,
    manager: str,
    dry_run: bool = False,
) -> Body:
    """Apply a JSON merge patch (RFC 7396), in which null removes a field, and return the object.

    If `fields` has `metadata.resourceVersion`, the object must have this version. Raises Conflict if it has another
    one, ObjectInvalid, ObjectTooLarge.
    """
    params = {"fieldManager": manager, **_dry(dry_run)}
    return (await _patch(transport, resource, key, fields, "merge-patch+json", params)).body


async def merge_status(
    transport: Transport, resource: Resource, key: ObjectKey, fields: Mapping[str, Any], *, manager: str
) -> Body:
    """Apply a JSON merge patch to the subresource `status` and return the object. Raises the errors of `merge`."""
    params = {"fieldManager": manager}
    return (await _patch(transport, resource, key, fields, "merge-patch+json", params, subresource="/status")).body


async def delete(
    transport: Transport,
    resource: Resource,
    key: ObjectKey,
    *,
    uid: str,
    propagation: Propagation = "Background",
    dry_run: bool = False,
) -> bool:
    """Delete the object with this uid. Returns True if it is gone, False if it goes later.

    It goes later if it has finalizers, or if it is a Pod that may take time to end. Raises PreconditionFailed if
    another object has the name now.
    """
    options: Body = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
    options |= {"dryRun": ["All"]} if dry_run else {}  # the API server ignores the query of a call that has a body
    _, body = await _ask(
        transport,
        "DELETE",
        resource,
        key,
        content=json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", **options}).encode(),
        headers={"Content-Type": "application/json"},
    )
    return decoded(_json.decode, body).get("kind") == "Status"


async def _patch(
    transport: Transport,
    resource: Resource,
    key: ObjectKey,
    content: Any,
    media_type: str,
    params: Mapping[str, str],
    *,
    subresource: str = "",
) -> Applied:
    status, body = await _ask(
        transport,
        "PATCH",
        resource,
        key,
        subresource=subresource,
        params=params,
        content=_encoded(key, content),
        headers={"Content-Type": f"application/{media_type}"},
        conceal=Mask(content).status if resource == SECRET else as_sent,
    )
    return Applied(decoded(_object, body), status == 201)


def _encoded(key: ObjectKey, content: Any) -> bytes:
    sent = msgspec.json.encode(content)
    if len(sent) > _MOST_SENT_BYTES:
        raise ObjectTooLarge(f"{key} has {len(sent)} bytes; an API server takes {_MOST_SENT_BYTES} at most")
    return sent


async def _ask(
    transport: Transport, method: str, resource: Resource, key: ObjectKey, *, subresource: str = "", **more: Any
) -> tuple[int, bytes]:
    try:
        is_new = method == "POST"
        namespace = key.namespace or None
        path = resource.collection_path(namespace) if is_new else resource.object_path(key.namespace, key.name)
        return await transport.ask(method, path + subresource, seconds=_SECONDS, **more)
    except Unaddressable as error:
        raise ClusterRefused(f"{key}: {error}") from error
    except NotServed as error:
        # For a group that does not exist, the server's 404 gives no reason, and the error needs none. If a built-in
        # resource is missing, something other than an API server answers: `error` says so.
        reason = f": {error}" if resource in BUILT_IN else ""
        raise NotServed(f"the API server serves no {resource.kind} of {resource.api_version}{reason}") from error


def _dry(dry_run: bool) -> dict[str, str]:  # noqa: FBT001 - as its callers have it
    return {"dryRun": "All"} if dry_run else {}


def _object(body: bytes) -> Body:
    found = _json.decode(body)
    if not isinstance(found.get("metadata"), dict):
        raise msgspec.ValidationError("it is not an object")
    return found
