"""Finds objects of others in a Namespace, or of a definition's kind: because of them krt keeps what they depend on."""

from krt.cluster.listing import Pages
from krt.cluster.metadata import ObjectVersion, bare_reader
from krt.cluster.objects import Body
from krt.core.delivery.ownership import OWNER
from krt.core.kube.fields import items_at, text_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.delivery.run import Run
from krt.errors import ClusterDenied, ClusterRefused, NotThere

_MOST = 20  # more are not counted

# Kubernetes makes these in each namespace by itself, or for other objects, which are looked at anyway.
_GIVEN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_DERIVED = {"ControllerRevision", "Endpoints", "EndpointSlice", "Event", "PodMetrics"}


async def foreign_in(run: Run, key: ObjectKey, live: Body) -> tuple[str, ...]:
    """The names of foreign objects, _MOST at most; empty if the object is neither a Namespace nor a definition."""
    match (key.group, key.kind):
        case ("", "Namespace"):
            resources = [each for each in await run.discovery.namespaced() if each.kind not in _DERIVED]
            return await _foreign(run, resources, key.name)
        case ("apiextensions.k8s.io", "CustomResourceDefinition"):
            return await _foreign(run, _resources_of(live), None)
        case _:
            return ()


async def _foreign(run: Run, resources: list[Resource], namespace: str | None) -> tuple[str, ...]:
    found = list[str]()
    for resource in resources:
        found += await _foreign_of(run, resource, namespace)
        if len(found) >= _MOST:
            break
    return tuple(found[:_MOST])


async def _foreign_of(run: Run, resource: Resource, namespace: str | None) -> list[str]:
    found = list[str]()
    try:
        async for page in Pages(run.transport, bare_reader(resource), namespace):
            found += [str(each.key) for each in page.objects if not _is_own(run, each)]
            if len(found) >= _MOST:
                break
    except ClusterDenied:
        return [f"{resource.plural}, if there are any: krt may not list them"]
    except (NotThere, ClusterRefused):  # not served any more, or a kind that cannot be listed: it stores no object
        return found
    return found


def _is_own(run: Run, found: ObjectVersion) -> bool:
    """Whether the object is the owner's, has an owning object, which is looked at anyway, or is Kubernetes' own."""
    is_given = (found.key.kind, found.key.name) in _GIVEN
    is_derived = bool(items_at(found.body, "metadata", "ownerReferences"))
    return is_given or is_derived or text_at(found.body, "metadata", "labels", OWNER) == run.owner.id


def _resources_of(definition: Body) -> list[Resource]:
    """The resource of a definition, in one of its versions: each version lists all objects."""
    group, names = text_at(definition, "spec", "group"), definition["spec"]["names"]
    served = [text_at(each, "name") for each in items_at(definition, "spec", "versions") if each.get("served")]
    namespaced = text_at(definition, "spec", "scope") == "Namespaced"
    return [Resource(group, version, names["kind"], names["plural"], namespaced) for version in served[:1]]
