"""The Secret that a delivery writes for one Deployment. Pure.

It has labels of krt's own only: if krt copied the source's, Argo CD would take the copy for one of its objects, and
delete it. It belongs to the Deployment, so that it goes with it.
"""

from collections.abc import Mapping

from krt.core.app_secrets.decision import Deliver, Note
from krt.core.app_secrets.json_patch import Operation
from krt.core.app_secrets.names import (
    COPY_OF,
    DELIVERED_AT,
    DIGEST,
    ENVIRONMENT,
    MOUNT_PATH,
    REDELIVERED,
    RELOAD,
    STAMPED_AT,
    STAMPED_FOR,
    STAMPS,
    STRATEGY,
)
from krt.core.app_secrets.secrets import Copy
from krt.core.kube.restartable import DEPLOYMENT


def new_copy(deliver: Deliver, data: Mapping[str, str]) -> dict[str, object]:
    """The Secret to create. `data` is that of the source."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": deliver.entries.copy,
            "namespace": deliver.deployment.namespace,
            "labels": _labels(deliver),
            "annotations": _annotations(deliver.note),
            "ownerReferences": _owners(deliver),
        },
        "type": "Opaque",
        "data": dict(data),
    }


def changed_copy(deliver: Deliver, copy: Copy, data: Mapping[str, str]) -> list[Operation]:
    """The JSON Patch that makes `copy`, at the version that was read, the same as `new_copy` would be."""
    return [
        *noted_copy(deliver, copy),
        {"op": "add", "path": "/metadata/labels", "value": _labels(deliver)},
        {"op": "add", "path": "/metadata/ownerReferences", "value": _owners(deliver)},
        {"op": "add", "path": "/data", "value": dict(data)},
    ]


def noted_copy(deliver: Deliver, copy: Copy) -> list[Operation]:
    """The JSON Patch that changes the annotations of `copy` alone, at the version that was read."""
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": copy.version},
        {"op": "add", "path": "/metadata/annotations", "value": _annotations(deliver.note)},
    ]


def _labels(deliver: Deliver) -> dict[str, str]:
    return {COPY_OF: deliver.app.name}


def _owners(deliver: Deliver) -> list[dict[str, object]]:
    """Not as its controller, and without blocking its deletion, which needs a right on finalizers."""
    name, uid = deliver.deployment.name, deliver.deployment.uid
    return [{"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, "name": name, "uid": uid}]


def _annotations(note: Note) -> dict[str, str]:
    found = {
        DIGEST: note.effect.digest,
        ENVIRONMENT: note.environment,
        STRATEGY: note.effect.strategy,
        MOUNT_PATH: note.effect.mount_path,
        RELOAD: note.effect.reload,
        REDELIVERED: note.token,
        DELIVERED_AT: note.delivered_at,
        STAMPS: str(note.stamps.count) if note.stamps.count else "",
        STAMPED_AT: note.stamps.at,
        STAMPED_FOR: note.stamps.template,
    }
    return {name: str(text) for name, text in found.items() if text}
