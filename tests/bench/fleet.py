"""A cluster full of Deployments: real ones, of the size that people have, on the real API server.

One is created as usual. The others are copies of what the API server itself wrote into etcd for it, with name,
namespace, uid and image replaced by others of the same length: 10,000 take seconds instead of minutes.
"""

import base64
import random
import uuid
from typing import Any

import httpx

from tests.apiserver.control_plane import ControlPlane

NAMESPACES = 100
OWN_IMAGES = 2_000  # so many Deployments run an image that nobody else runs
SHARED_IMAGES = 1_000
_AT_ONCE = 100  # etcd takes 128 operations and 1.5 MB in one transaction
_PREFIX = "/registry/deployments"
_FILLER_BYTES = 1500
_FILLER = "x" * _FILLER_BYTES  # what each has instead is its own: copies alone would be packed to next to nothing
_TEMPLATE = 99_999  # the number of the one that is copied, gone afterwards


def name(number: int) -> str:
    """Of the Deployment with that number."""
    return f"app-{number:05}"


def namespace(number: int) -> str:
    """Where it is."""
    return f"team-{number % NAMESPACES:03}"


def image(number: int) -> str:
    """What it runs, without the tag, which is `dev`."""
    return f"ghcr.io/acme/img-{number if number < OWN_IMAGES else OWN_IMAGES + number % SHARED_IMAGES:05}"


class Fleet:
    """The Deployments 0 to `size` - 1 of one control plane."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self.size = 0
        self.object_bytes = 0  # of one, as JSON

    async def grow(self, size: int) -> None:
        """Add what is missing."""
        if self.size == 0:
            await self._create_namespaces()
        stored, uid = await self._stored_template()
        async with httpx.AsyncClient(base_url=self._control_plane.etcd_url, trust_env=False, timeout=60) as etcd:
            for first in range(self.size, size, _AT_ONCE):
                numbers = range(first, min(first + _AT_ONCE, size))
                puts = [{"requestPut": _put(number, _copy(stored, uid, number))} for number in numbers]
                (await etcd.post("/v3/kv/txn", json={"success": puts})).raise_for_status()
        self.size = max(size, self.size)

    async def _create_namespaces(self) -> None:
        async with self._control_plane.admin_client() as client:
            for number in {*range(NAMESPACES), _TEMPLATE}:
                body = {"metadata": {"name": namespace(number)}}
                response = await client.post("/api/v1/namespaces", json=body)
                assert response.status_code in {201, 409}, response.text

    async def _stored_template(self) -> tuple[bytes, bytes]:
        """What stands in etcd for a Deployment with a status, and its uid; it is deleted again."""
        path = f"/apis/apps/v1/namespaces/{namespace(_TEMPLATE)}/deployments"
        async with self._control_plane.admin_client() as client:
            created = (await client.post(path, json=_document())).raise_for_status().json()
            where = f"{path}/{name(_TEMPLATE)}"
            status = {"status": _status(created["metadata"]["creationTimestamp"])}
            merge = {"Content-Type": "application/merge-patch+json"}
            answer = (await client.patch(f"{where}/status", json=status, headers=merge)).raise_for_status()
            self.object_bytes = len(answer.content)
            async with httpx.AsyncClient(base_url=self._control_plane.etcd_url, trust_env=False) as etcd:
                found = await etcd.post("/v3/kv/range", json={"key": _base64(_key(_TEMPLATE))})
            stored = base64.b64decode(found.raise_for_status().json()["kvs"][0]["value"])
            (await client.delete(where)).raise_for_status()
        return stored, created["metadata"]["uid"].encode()


def _key(number: int) -> bytes:
    return f"{_PREFIX}/{namespace(number)}/{name(number)}".encode()


def _put(number: int, value: bytes) -> dict[str, str]:
    return {"key": _base64(_key(number)), "value": _base64(value)}


def _copy(stored: bytes, uid: bytes, number: int) -> bytes:
    # Of the same length each, so that no length in the protobuf changes.
    for old, new in (
        (image(_TEMPLATE), image(number)),
        (name(_TEMPLATE), name(number)),
        (namespace(_TEMPLATE), namespace(number)),
        (_FILLER, random.Random(number).randbytes(_FILLER_BYTES // 2).hex()),
    ):
        assert len(old) == len(new)
        stored = stored.replace(old.encode(), new.encode())
    return stored.replace(uid, str(uuid.uuid4()).encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _document() -> dict[str, Any]:
    """About 7 kB as JSON, with what the API server adds: as a chart makes them."""
    own = name(_TEMPLATE)
    labels = {"app.kubernetes.io/name": own, "app.kubernetes.io/managed-by": "Helm", "team": namespace(_TEMPLATE)}
    environment = [{"name": f"SETTING_{letter}", "value": f"value-of-{letter}"} for letter in "ABCDEFGHIJKLMNOP"]
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 2}
    container = {
        "name": "main",
        "image": f"{image(_TEMPLATE)}:dev",
        "imagePullPolicy": "Always",
        "env": environment,
        "ports": [{"containerPort": 8080, "name": "http"}],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}],
    }
    pod = {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": own}}]}
    return {
        "metadata": {
            "name": own,
            "namespace": namespace(_TEMPLATE),
            "labels": labels,
            "annotations": {
                "meta.helm.sh/release-name": own,
                "kubectl.kubernetes.io/last-applied-configuration": _FILLER,
            },
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app.kubernetes.io/name": own}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _status(since: str) -> dict[str, Any]:
    times = {"lastTransitionTime": since, "lastUpdateTime": since, "status": "True"}
    available = {"type": "Available", "reason": "MinimumReplicasAvailable", "message": "it is available", **times}
    progressing = {"type": "Progressing", "reason": "NewReplicaSetAvailable", "message": "it has progressed", **times}
    counts = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    return {**counts, "conditions": [available, progressing]}
