"""The operations of a JSON Patch (RFC 6902) on a Deployment. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from krt.core.kube.fields import text_at

Operation = dict[str, object]


def guarded(body: Mapping[str, object], operations: Sequence[Operation]) -> list[Operation]:
    """The operations, refused by the API server if the object has changed since `body` was read; none for none."""
    version = text_at(body, "metadata", "resourceVersion")
    guard: Operation = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
    return [guard, *operations] if operations else []


def edit_list(
    path: Sequence[str],
    found: Sequence[Mapping[str, object]],
    own: Sequence[bool],
    wanted: Mapping[str, object] | None,
) -> Iterator[Operation]:
    """The operations that leave in a list no own entry but `wanted`, and that one once.

    `own` says which entries of `found` are krt's. An entry that is as wanted stays where it is; the entries of others
    are not touched. A list that would be empty is removed.
    """
    kept = next((at for at, each in enumerate(found) if own[at] and wanted is not None and _says(each, wanted)), None)
    gone = [at for at, is_own in enumerate(own) if is_own and at != kept]
    missing = wanted if kept is None else None
    if gone and len(gone) == len(found) and missing is None:
        yield {"op": "remove", "path": pointer(path)}
        return
    for at in reversed(gone):
        yield {"op": "remove", "path": pointer((*path, str(at)))}
    if missing is not None and found:
        yield {"op": "add", "path": pointer((*path, "-")), "value": missing}
    elif missing is not None:
        yield {"op": "add", "path": pointer(path), "value": [missing]}


def pointer(path: Sequence[str]) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{each.replace('~', '~0').replace('/', '~1')}" for each in path)


def _says(entry: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether the entry is the wanted one. The API server adds `defaultMode` 0644 to a volume's Secret."""
    secret = entry.get("secret")
    if isinstance(secret, Mapping) and secret.get("defaultMode") == 0o644:
        entry = {**entry, "secret": {name: value for name, value in secret.items() if name != "defaultMode"}}
    return entry == wanted
