"""Attaches a copy to a Deployment's pod template, and detaches it: the operations of a JSON Patch. Pure.

Nothing but krt's own entries is changed, moved or removed (`entries.py`). With `envFrom`, a new key does not change the
template: pods restart when the reload strategy says so, and only then.
"""

from collections.abc import Iterator, Mapping

from krt.core.app_secrets.app import Strategy
from krt.core.app_secrets.entries import TEMPLATE, Entries, containers_of, has_volume
from krt.core.app_secrets.json_patch import Operation, edit_list, guarded, pointer
from krt.core.app_secrets.secrets import Effect
from krt.core.kube.fields import field_at, items_at, text_at, texts_at

_VOLUMES = (*TEMPLATE, "spec", "volumes")
_ANNOTATIONS = (*TEMPLATE, "metadata", "annotations")


class NotAttachable(ValueError):
    """The pod template has something in the place of krt's entries. The message is a clause without values."""


def attach(body: Mapping[str, object], entries: Entries, effect: Effect) -> list[Operation]:
    """The operations that make the Deployment use the copy as `effect` says; none if it does. Raises NotAttachable.

    Entries of the other strategy are removed. If `effect` has no stamp, the template's stays as it is.
    """
    if effect.strategy is Strategy.VOLUME:
        _check(body, entries, effect.mount_path)
    stamp = effect.stamp or text_at(body, *_ANNOTATIONS, entries.stamp)
    return guarded(body, [*_lists(body, entries, effect), *_stamp(body, entries, stamp)])


def detach(body: Mapping[str, object], entries: Entries) -> list[Operation]:
    """The operations that remove krt's entries, and lists that would be empty then; none if there are none."""
    return guarded(body, [*_lists(body, entries, None), *_stamp(body, entries, "")])


def _check(body: Mapping[str, object], entries: Entries, mount_path: str) -> None:
    for each in items_at(body, *_VOLUMES):
        if text_at(each, "name") == entries.volume and not entries.is_volume(each):
            raise NotAttachable(f"the pod template has a volume {entries.volume} that is not krt's: rename it")
    for _, container in containers_of(body):
        for mount in items_at(container, "volumeMounts"):
            is_there = text_at(mount, "mountPath").rstrip("/") == mount_path.rstrip("/")
            if is_there and not entries.is_mount(mount):
                name = text_at(container, "name")
                raise NotAttachable(f"the container {name} mounts something else at {mount_path}: choose another path")


def _lists(body: Mapping[str, object], entries: Entries, effect: Effect | None) -> Iterator[Operation]:
    env = {"secretRef": {"name": entries.copy}} if effect and effect.strategy is Strategy.ENV else None
    is_volume = effect is not None and effect.strategy is Strategy.VOLUME
    path = effect.mount_path if effect else ""
    mount = {"name": entries.volume, "mountPath": path, "readOnly": True} if is_volume else None
    volume = {"name": entries.volume, "secret": {"secretName": entries.copy}} if is_volume else None
    found = items_at(body, *_VOLUMES)
    yield from edit_list(_VOLUMES, found, [*map(entries.is_volume, found)], volume)
    for place, container in containers_of(body):
        found = items_at(container, "envFrom")
        yield from edit_list((*place, "envFrom"), found, [*map(entries.is_env, found)], env)
        if is_volume or has_volume(body, entries):
            found = items_at(container, "volumeMounts")
            yield from edit_list((*place, "volumeMounts"), found, [*map(entries.is_mount, found)], mount)


def _stamp(body: Mapping[str, object], entries: Entries, stamp: str) -> Iterator[Operation]:
    found = texts_at(body, *_ANNOTATIONS)
    one = (*_ANNOTATIONS, entries.stamp)
    if found.get(entries.stamp, "") == stamp:
        return
    if not stamp:
        yield {"op": "remove", "path": pointer(_ANNOTATIONS if len(found) == 1 else one)}
    elif found:
        yield {"op": "add", "path": pointer(one), "value": stamp}
    else:
        if field_at(body, *_ANNOTATIONS[:-1]) is None:
            yield {"op": "add", "path": pointer(_ANNOTATIONS[:-1]), "value": {}}
        yield {"op": "add", "path": pointer(_ANNOTATIONS), "value": {entries.stamp: stamp}}
