"""How krt takes over the fields of an object that kubectl made. Pure.

Server-side apply removes only fields that its own field manager has applied before. The fields of an object that
`kubectl create` or a client-side `kubectl apply` made have another manager. If krt only forced its own fields, the old
ones would stay for ever. So krt first moves kubectl's entries in managedFields to its own. Source of the rule:
k8s.io/client-go, util/csaupgrade, UpgradeManagedFields.
"""

from collections.abc import Mapping, Sequence

from krt.core.delivery.ownership import Owner
from krt.core.kube.fields import field_at, items_at, text_at, texts_at

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = {"kubectl-client-side-apply", "kubectl-create", "before-first-apply"}

_Entry = Mapping[str, object]


def take_over(live: Mapping[str, object], owner: Owner) -> dict[str, object] | None:
    """The merge patch that gives kubectl's fields of the live object to `owner`; None if kubectl has none.

    The API server refuses the patch if the object has changed since it was read. Send the patch before the apply. It
    also removes the annotation with the last applied configuration, which would repeat the content.
    """
    entries = items_at(live, "metadata", "managedFields")
    moved = _moved(entries, owner.field_manager)
    if moved == [*entries]:
        return None
    metadata: dict[str, object] = {
        "resourceVersion": text_at(live, "metadata", "resourceVersion"),
        "managedFields": moved,
    }
    if LAST_APPLIED in texts_at(live, "metadata", "annotations"):
        metadata["annotations"] = {LAST_APPLIED: None}
    return {"metadata": metadata}


def _moved(entries: Sequence[_Entry], manager: str) -> list[_Entry]:
    """The entries, without kubectl's: each is joined to the entry of `manager` with the same version, or becomes it."""
    found = list(entries)
    for entry in entries:
        if not _is_kubectls(entry):
            continue
        found.remove(entry)
        own = next((each for each in found if _is_own(each, manager) and _has_version_of(each, entry)), None)
        if own is None:
            found.append({**entry, "manager": manager, "operation": "Apply"})
        else:
            joined = _union(field_at(own, "fieldsV1"), field_at(entry, "fieldsV1"))
            found[found.index(own)] = {**own, "fieldsV1": joined}
    return found


def _is_kubectls(entry: _Entry) -> bool:
    is_update = text_at(entry, "operation") == "Update" and not text_at(entry, "subresource")
    return is_update and text_at(entry, "manager") in _KUBECTL


def _is_own(entry: _Entry, manager: str) -> bool:
    is_apply = text_at(entry, "operation") == "Apply" and not text_at(entry, "subresource")
    return is_apply and text_at(entry, "manager") == manager


def _has_version_of(entry: _Entry, other: _Entry) -> bool:
    return text_at(entry, "apiVersion") == text_at(other, "apiVersion")


def _union(one: object, other: object) -> dict[str, object]:
    """Both sets of fields in one, as FieldsV1 has them: a mapping for each field, an empty one for a leaf."""
    fields = dict(one) if isinstance(one, Mapping) else {}
    for name, below in other.items() if isinstance(other, Mapping) else ():
        fields[name] = _union(fields.get(name), below)
    return fields
