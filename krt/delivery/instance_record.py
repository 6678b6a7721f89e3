"""What a cluster says before an instance is written: its Kubernetes version, and the record of each instance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec

from krt.cluster import objects
from krt.cluster.transport import Transport, decoded
from krt.core.delivery.inventory import inventory_name
from krt.core.fleet.bundle import Instance
from krt.core.fleet.instance_owner import owner_of
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import texts_at
from krt.delivery.asking import patiently
from krt.errors import NotThere


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """The labels and annotations of an instance's inventory."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


_version = msgspec.json.Decoder(_Version)


async def kube_version(transport: Transport, tell: Callable[[str], None]) -> str:
    """The version of the API server, such as "1.36.3". Raises ClusterDenied, ClusterRefused and NotThere.

    `tell` gets the reason of each repetition: the caller's cancel scope is the deadline.
    """
    answer = await patiently(partial(transport.call, "GET", "/version"), tell)
    return decoded(_version.decode, answer).git_version.removeprefix("v")


async def record_of(transport: Transport, instance: Instance, tell: Callable[[str], None]) -> InstanceRecord | None:
    """The instance's record; None if the cluster does not have the instance. Raises and tells as `kube_version`."""
    key = SECRET.key(instance.namespace, inventory_name(owner_of(instance)))
    try:
        body = await patiently(partial(objects.read, transport, SECRET, key), tell)
    except NotThere:
        return None
    return InstanceRecord(texts_at(body, "metadata", "labels"), texts_at(body, "metadata", "annotations"))
