"""Decides how an import changes the source Secret of an app in one environment. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from krt.core.app_secrets.names import SOURCE_OF
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.app_secrets.values import MOST_BYTES
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import field_at, items_at, text_at, texts_at
from krt.core.kube.object_key import ObjectKey


@dataclass(frozen=True, slots=True)
class Import:
    """The values for an app. If `replaces`, the Secret loses every other key."""

    app: str
    values: Mapping[str, bytes] = field(repr=False)
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What becomes of each key. `kept` are keys of the Secret that the import does not name.

    `content` is sent: a new Secret, or a JSON merge patch that is guarded by the version of the Secret as it was read.
    """

    key: ObjectKey
    content: Mapping[str, object] = field(repr=False)
    is_new: bool = False
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.is_new or bool(self.added or self.changed or self.removed)


def plan_import(wanted: Import, namespace: str, sources: Sequence[Mapping[str, object]]) -> ImportPlan:
    """The plan. `sources` are the Secrets of the namespace that are labelled with the app. Raises ValuesInvalid."""
    source = only_source(wanted.app, namespace, sources)
    data = {name: b64encode(value).decode() for name, value in wanted.values.items()}
    if source is None:
        return _creation(wanted.app, namespace, data)
    plan = _change(source, data, replaces=wanted.replaces)
    if plan.changes:
        _check(source, plan, {**({} if wanted.replaces else texts_at(source, "data")), **data})
    return plan


def only_source(app: str, namespace: str, sources: Sequence[Mapping[str, object]]) -> Mapping[str, object] | None:
    """The source of an app in a namespace; None if there is none. Raises ValuesInvalid if there are several."""
    if len(sources) > 1:
        names = ", ".join(sorted(text_at(each, "metadata", "name") for each in sources))
        raise ValuesInvalid(
            f"namespace {namespace}: {names} are all labelled {SOURCE_OF}={app}: leave it on one Secret"
        )
    return sources[0] if sources else None


def key_of_source(source: Mapping[str, object]) -> ObjectKey:
    """The key of a source Secret."""
    return SECRET.key(text_at(source, "metadata", "namespace"), text_at(source, "metadata", "name"))


def _creation(app: str, namespace: str, data: Mapping[str, str]) -> ImportPlan:
    metadata = {"namespace": namespace, "name": app, "labels": {SOURCE_OF: app}}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    return ImportPlan(SECRET.key(namespace, app), added=tuple(sorted(data)), content=body, is_new=True)


def _change(source: Mapping[str, object], data: Mapping[str, str], *, replaces: bool) -> ImportPlan:
    live = texts_at(source, "data")
    others = tuple(sorted(live.keys() - data.keys()))
    removed = others if replaces else ()
    changed = tuple(sorted(name for name in data if name in live and live[name] != data[name]))
    added = tuple(sorted(data.keys() - live.keys()))
    written = {name: data[name] for name in (*added, *changed)}
    return ImportPlan(
        key=key_of_source(source),
        added=added,
        changed=changed,
        unchanged=tuple(sorted(name for name in data if live.get(name) == data[name])),
        removed=removed,
        kept=() if replaces else others,
        content={
            "metadata": {"resourceVersion": text_at(source, "metadata", "resourceVersion")},
            "data": {**written, **dict.fromkeys(removed)},
        },
    )


def _check(source: Mapping[str, object], plan: ImportPlan, data: Mapping[str, str]) -> None:
    """Raise ValuesInvalid if the source cannot take the change, or somebody would undo it."""
    keeper = next((each for each in items_at(source, "metadata", "ownerReferences") if each.get("controller")), None)
    if keeper is not None:
        owner = f"{text_at(keeper, 'kind')} {text_at(keeper, 'name')}"
        raise ValuesInvalid(f"{plan.key} belongs to {owner}, which would undo the import: change the values there")
    if field_at(source, "immutable") is True:
        raise ValuesInvalid(f"{plan.key} is immutable: delete it first")
    if text_at(source, "metadata", "deletionTimestamp"):
        raise ValuesInvalid(f"{plan.key} is being deleted: try again once it is gone")
    size = sum(len(value) * 3 // 4 - value.count("=") for value in data.values())  # of base64
    if size > MOST_BYTES:
        raise ValuesInvalid(f"{plan.key} would have {size} bytes, and a Secret holds at most {MOST_BYTES}")
