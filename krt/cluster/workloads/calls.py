"""The calls that read and restart one workload.

Each may raise ClusterUnavailable, ClusterDenied, ClusterRefused, VersionExpired, and the errors that its docstring
names.
"""

import json
from typing import Any

from krt.cluster.transport import Transport, decoded
from krt.cluster.workloads.wire import READERS
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import REACHABLE
from krt.core.kube.workload import ANNOUNCED, CAUSE, MARK, RESTARTED_AT, Workload
from krt.core.ports.workloads import Stamp


async def read(transport: Transport, key: ObjectKey) -> Workload:
    """The workload as it is at the API server now. Raises NotThere."""
    body = await transport.call("GET", _path(key))
    return decoded(READERS[key.kind].one, body)


async def restart(transport: Transport, workload: Workload, stamp: Stamp) -> Workload:
    """Patch the workload with `stamp` and return the patched one. Raises NotThere.

    Raises Conflict if its resource version is not that of `workload` any more. The patch is a merge patch of three
    annotations and this version, so nothing else can change. On a BundleDeployment the annotation `krt/announced` takes
    the place of that on the pod template.
    """
    body = await transport.call(
        "PATCH",
        _path(workload.key),
        params={"fieldManager": FIELD_MANAGER},
        content=json.dumps(_patch(workload, stamp)).encode(),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    return decoded(READERS[workload.key.kind].one, body)


def _path(key: ObjectKey) -> str:
    return REACHABLE[key.kind].object_path(key.namespace, key.name)


def _patch(workload: Workload, stamp: Stamp) -> dict[str, Any]:
    # Everything that a restart changes, as a JSON merge patch (RFC 7396). The patch has the resource version, so the
    # API server answers 409 if the object is newer.
    annotations = {MARK: stamp.mark, CAUSE: stamp.cause}
    metadata = {"resourceVersion": workload.resource_version, "annotations": annotations}
    if workload.bundle:
        annotations[ANNOUNCED] = str(stamp.covers)
        return {"metadata": metadata}
    template = {"metadata": {"annotations": {RESTARTED_AT: stamp.restarted_at}}}
    return {"metadata": metadata, "spec": {"template": template}}
