"""Processes a written object as the API server does: merge, defaults, validation, generation. Pure."""

import re
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy

import msgspec

from krt.dev.cluster import status
from krt.dev.cluster.kinds import NAMESPACE, Json, Kind

MAX_ANNOTATIONS_BYTES = 262_144
NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
ANNOTATION_NAME = re.compile(r"([a-z0-9A-Z.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
Changing = Callable[[Json], Json]
KEPT = ("name", "namespace", "uid", "creationTimestamp", "managedFields")


def merging(patch: Json) -> Changing:
    """The change that an `application/merge-patch+json` body asks for."""
    return lambda before: merge(before, patch)


def merge(target: Json, patch: Json) -> Json:
    """RFC 7396, section 2, for objects. Neither argument is changed; the result may share parts with both."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merge(_map(result.get(name)), value)
        else:
            result[name] = value
    return result


def new(kind: Kind, document: Json, time: str) -> Json:
    """The stored form of a created object. Unlike the real server, it keeps a given status. Raises ApiRefusal (422)."""
    given = document["metadata"]
    metadata = {name: given[name] for name in ("name", "namespace") if name in given}
    metadata |= {"uid": str(uuid.uuid4()), "resourceVersion": ""}
    metadata |= {"generation": 1} if kind.has_generation else {}
    metadata |= {"creationTimestamp": time}
    metadata |= {name: given[name] for name in ("labels", "annotations") if name in given}
    if kind is NAMESPACE:
        metadata["labels"] = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": given["name"]}
    parts = {"metadata": metadata, "spec": document.get("spec", {})}
    created = complete(kind, deepcopy(parts | {"status": document.get("status") or kind.empty_status}))
    check(kind, created)
    return created


def admit(kind: Kind, before: Json, after: Json, *, subresource: str = "") -> Json:
    """The stored form after a write that changes `before` into `after`. Raises ApiRefusal (400, 409, 422, 500)."""
    old, new = before["metadata"], _map(after.get("metadata"))
    _check_identity(kind, old, new)
    metadata = {**new, **{name: old[name] for name in KEPT if name in old}}
    metadata["resourceVersion"] = old["resourceVersion"]
    document = {**after, "metadata": metadata}
    # The main endpoint never writes the status, and the status endpoint never the spec.
    theirs = "spec" if subresource == "status" else "status"
    document[theirs] = before[theirs]
    document = complete(kind, document)
    check(kind, document, before)
    if kind.has_generation:
        document["metadata"]["generation"] = old["generation"] + _bumps(kind, before, document, subresource)
    return document


def complete(kind: Kind, document: Json) -> Json:
    """Fill in the real server's defaults for the fields that krt reads."""
    spec = {**deepcopy(kind.spec_defaults), **_map(document.get("spec"))}
    if kind.is_workload:
        for container in _containers(spec):
            container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image", ""))))
        if isinstance(template := spec.get("template"), dict):
            spec["template"] = {**template, "metadata": _without_empty_maps(_map(template.get("metadata")))}
    return {**document, "metadata": _without_empty_maps(document["metadata"]), "spec": spec}


def _without_empty_maps(metadata: Json) -> Json:
    return {name: value for name, value in metadata.items() if value != {} or name not in ("labels", "annotations")}


def check(kind: Kind, document: Json, before: Json | None = None) -> None:
    """Raises ApiRefusal (422) with every cause found."""
    causes = [*_annotation_causes(document["metadata"], "metadata")]
    if kind.is_workload:
        causes += _spec_causes(document["spec"], before["spec"] if before else None)
    if causes:
        raise status.invalid(kind, document["metadata"]["name"], causes)


def _check_identity(kind: Kind, old: Json, new: Json) -> None:
    if not new.get("name"):
        raise status.no_name(old["name"])
    if new["name"] != old["name"]:
        message = f"the name of the object ({new['name']}) does not match the name on the URL ({old['name']})"
        raise status.bad_request(message)
    if new.get("namespace", old.get("namespace")) != old.get("namespace"):
        raise status.other_namespace()
    _check_version(kind, old, new.get("resourceVersion"))
    if new.get("uid", old["uid"]) != old["uid"]:
        cause = ("metadata.uid", f'Invalid value: "{new["uid"]}": field is immutable')
        raise status.invalid(kind, old["name"], [cause])


def _check_version(kind: Kind, old: Json, given: object) -> None:
    if given in (None, "", "0", old["resourceVersion"]):  # "0" stands for any version, in a write too
        return
    if not isinstance(given, str):
        raise status.invalid(kind, old["name"], [("metadata.resourceVersion", "Invalid value: must be a string")])
    if not re.fullmatch("[0-9]+", given):
        raise status.internal_error(f'strconv.ParseUint: parsing "{given}": invalid syntax')
    raise status.conflict(kind, old["name"])


def _bumps(kind: Kind, before: Json, after: Json, subresource: str) -> bool:
    if subresource:
        return False
    if before["spec"] != after["spec"]:
        return True
    annotations = [document["metadata"].get("annotations", {}) for document in (before, after)]
    return kind.annotations_bump and annotations[0] != annotations[1]


def _annotation_causes(metadata: Json, path: str) -> Iterator[tuple[str, str]]:
    field = f"{path}.annotations"
    annotations = metadata.get("annotations", {})
    if not isinstance(annotations, dict):
        yield field, "Invalid value: must be a map of strings"
        return
    for name, value in annotations.items():
        if not ANNOTATION_NAME.fullmatch(name):
            yield field, f'Invalid value: "{name}": {NAME_PART}'
        if not isinstance(value, str):
            yield field, f"Invalid value: {_json(value)}: must be a string"
    if sum(len(name) + len(str(value)) for name, value in annotations.items()) > MAX_ANNOTATIONS_BYTES:
        yield field, f"Too long: may not be more than {MAX_ANNOTATIONS_BYTES} bytes"


def _spec_causes(spec: Json, before: Json | None) -> Iterator[tuple[str, str]]:
    replicas = spec.get("replicas", 0)
    if type(replicas) is not int or replicas < 0:
        yield "spec.replicas", f"Invalid value: {_json(replicas)}: must be greater than or equal to 0"
    if before and spec.get("selector") != before.get("selector"):
        yield "spec.selector", f"Invalid value: {_json(spec.get('selector'))}: field is immutable"
    template = _map(spec.get("template"))
    if not _map(template.get("spec")).get("containers"):
        yield "spec.template.spec.containers", "Required value"
    for container in _containers(spec):
        if not isinstance(container.get("image"), str):
            yield "spec.template.spec.containers.image", "Required value"
    yield from _annotation_causes(_map(template.get("metadata")), "spec.template")


def _containers(spec: Json) -> Iterator[Json]:
    pod = _map(_map(spec.get("template")).get("spec"))
    for group in ("initContainers", "containers"):
        yield from (container for container in pod.get(group) or () if isinstance(container, dict))


def _pull_policy(image: str) -> str:
    name, at, _digest = image.partition("@")
    _repository, colon, tag = name.rpartition("/")[2].partition(":")
    latest = tag == "latest" if colon else not at
    return "Always" if latest else "IfNotPresent"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _map(value: object) -> Json:
    return value if isinstance(value, dict) else {}
