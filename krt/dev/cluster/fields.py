"""Keeps managedFields, by comparing an object before and after a write. A list counts as one field."""

from krt.dev.cluster.kinds import Json

NOT_TRACKED = ("kind", "apiVersion")
SERVERS_OWN = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
)


def record(
    entries: list[Json],
    before: Json,
    after: Json,
    *,
    manager: str,
    subresource: str,
    api_version: str,
    time: str,
) -> list[Json]:
    """The entries after `manager` changed `before` into `after`.

    Fields that were added or changed now belong to `manager` alone, and removed fields to nobody.
    """
    old, new = _tracked(before), _tracked(after)
    gained, touched = _gained(old, new), _touched(old, new)
    mine: Json = {}
    kept = []
    for entry in entries:
        remaining = _without(entry["fieldsV1"], touched)
        if (entry["manager"], entry.get("subresource", "")) == (manager, subresource):
            mine = remaining
        elif remaining:
            kept.append({**entry, "fieldsV1": remaining})
    if mine or gained:
        kept.append(_entry(manager, subresource, api_version, time, _union(mine, gained)))
    return sorted(kept, key=lambda entry: (entry["time"], entry["manager"]))


def _entry(manager: str, subresource: str, api_version: str, time: str, owned: Json) -> Json:
    entry: Json = {"manager": manager, "operation": "Update", "apiVersion": api_version, "time": time}
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": owned}
    return entry | {"subresource": subresource} if subresource else entry


def _tracked(document: Json) -> Json:
    metadata = {k: v for k, v in document.get("metadata", {}).items() if k not in SERVERS_OWN}
    rest = {k: v for k, v in document.items() if k not in NOT_TRACKED}
    return {**rest, "metadata": metadata}


def _gained(old: Json, new: Json) -> Json:
    """The fields of `new` that `old` lacks or has with another value, as a FieldsV1 tree. An empty map is no field."""
    tree: Json = {}
    for name, value in new.items():
        if name in old and old[name] == value:
            continue
        if not isinstance(value, dict):
            tree[f"f:{name}"] = {}
        elif inner := _gained(_map(old.get(name)), value):
            tree[f"f:{name}"] = inner
    return tree


def _touched(old: Json, new: Json) -> Json:
    """The fields that were added, changed or removed, as a FieldsV1 tree."""
    return _union(_gained(old, new), _gained(new, old))


def _without(tree: Json, gone: Json) -> Json:
    left: Json = {}
    for name, inner in tree.items():
        if name not in gone:
            left[name] = inner
        elif inner and (rest := _without(inner, gone[name])):
            left[name] = rest
    return left


def _union(one: Json, other: Json) -> Json:
    names = {**one, **other}
    return {name: _union(one.get(name, {}), other.get(name, {})) for name in names}


def _map(value: object) -> Json:
    return value if isinstance(value, dict) else {}
