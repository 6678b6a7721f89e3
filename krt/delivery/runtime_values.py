"""Reads a runtime's values from one cluster. It only reads."""

from collections.abc import Callable
from functools import partial

from krt.cluster import objects
from krt.cluster.discovery import Discovery
from krt.cluster.object_errors import NotServed
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.fleet.extract import RuntimeVariable, extract
from krt.core.fleet.query import Query
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import Runtime
from krt.delivery.asking import patiently
from krt.errors import ClusterRefused, NotThere


async def runtime_values(
    transport: Transport, runtime: Runtime, tell: Callable[[str], None]
) -> dict[str, RuntimeVariable]:
    """The values by name; a later query overrides the names of an earlier one.

    `tell` gets the reason of each repetition while the API server does not answer: the caller's cancel scope is the
    deadline. Raises FleetInvalid for a query or an expression that finds nothing, and ClusterDenied.
    """
    discovery, found = Discovery(transport), dict[str, RuntimeVariable]()
    for each in runtime.queries:
        try:
            body = await patiently(partial(_read, transport, discovery, each.query), tell)
        except NotThere as error:
            if each.is_optional and not isinstance(error, NotServed):
                continue
            raise FleetInvalid(f"query error for {each.query}: {error}") from error
        except ClusterRefused as error:
            raise FleetInvalid(f"query error for {each.query}: {error}") from error
        found |= extract(each, body)
    return found


async def _read(transport: Transport, discovery: Discovery, query: Query) -> Body:
    resource = await discovery.find(query.group, query.key.kind, query.version)
    return await objects.read(transport, resource, query.key)
