"""Answers every verb except watch. Answers are joined from the stored JSON, without decoding it."""

import base64

import msgspec

from krt.dev.asgi import StandInAnswer
from krt.dev.cluster import objects, status
from krt.dev.cluster.call import ApiCall
from krt.dev.cluster.kinds import Json
from krt.dev.cluster.store import ObjectStore
from krt.dev.cluster.watch import Version

MERGE_PATCH = "application/merge-patch+json"


def answer(store: ObjectStore, call: ApiCall, body: bytes, content_type: str) -> StandInAnswer:
    """Execute `call` on the store. Raises ApiRefusal."""
    match call.verb:
        case "list":
            return _listing(store, call)
        case "get":
            return _object(call, store.read(call.kind, call.namespace, call.name))
        case "patch":
            return _object(call, _patch(store, call, body, content_type))
        case "update":
            return _object(call, _write(store, call, lambda _before: _decode(body)))
        case "create":
            return _object(call, _create(store, call, _decode(body)), code=201)
        case _:
            return _deletion(call, store.delete(call.kind, call.namespace, call.name))


def _listing(store: ObjectStore, call: ApiCall) -> StandInAnswer:
    if call.version > store.number:
        raise status.version_too_large(call.version, store.number)
    number, start = _read_token(call.query.get("continue", ""))
    try:
        page = store.page(call.kind, call.namespace, limit=call.limit, number=number, start=start)
    except LookupError:
        raise status.expired(status.TOO_OLD_TO_CONTINUE, continue_token=_token(-1, start)) from None
    metadata: Json = {"resourceVersion": str(page.number)}
    if page.following:
        metadata |= {"continue": _token(page.number, page.following), "remainingItemCount": page.remaining}
    opening = call.kind.type_fields("List") + b'"metadata":' + msgspec.json.encode(metadata)
    items = b",".join([version.body for version in page.versions])
    return status.answered(200, b"".join([opening, b',"items":[', items, b"]}\n"]))


def _object(call: ApiCall, version: Version, *, code: int = 200) -> StandInAnswer:
    return status.answered(code, call.kind.type_fields() + version.body[1:] + b"\n")


def _patch(store: ObjectStore, call: ApiCall, body: bytes, content_type: str) -> Version:
    if content_type.partition(";")[0].strip().lower() != MERGE_PATCH:
        raise status.unsupported_media_type()
    return _write(store, call, objects.merging(_decode(body)))


def _write(store: ObjectStore, call: ApiCall, change: objects.Changing) -> Version:
    try:
        return store.update(call.kind, call.namespace, call.name, change, manager=call.manager)
    except RecursionError as error:
        raise status.bad_request("error decoding patch: exceeded max depth") from error


def _create(store: ObjectStore, call: ApiCall, document: Json) -> Version:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise status.invalid(call.kind, "", [("metadata.name", "Required value: name or generateName is required")])
    if metadata.get("namespace", call.namespace) != call.namespace:
        raise status.other_namespace()
    placed = {**metadata, "namespace": call.namespace} if call.namespace else metadata
    return store.create({**document, "kind": call.kind.name, "metadata": placed, "status": {}}, manager=call.manager)


def _deletion(call: ApiCall, deleted: Version) -> StandInAnswer:
    uid = deleted.document()["metadata"]["uid"]
    details = {**status.about(call.kind, call.name), "uid": uid}
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return status.answered(200, msgspec.json.encode(success) + b"\n")


def _decode(body: bytes) -> Json:
    try:
        decoded: Json = msgspec.json.decode(body, type=dict)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise status.bad_request(f"error decoding patch: {error}") from error
    return decoded


def _token(number: int, start: str) -> str:
    raw = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": number, "start": start})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    """The number of the snapshot (0 and -1: the present) and the key to continue from."""
    if not token:
        return 0, ""
    try:
        raw = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=dict)
        return int(raw["rv"]), str(raw["start"])
    except (ValueError, TypeError, KeyError) as error:
        raise status.bad_request(f"invalid continue token: continue key is not valid: {error}") from error
