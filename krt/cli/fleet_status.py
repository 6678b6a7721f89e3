"""krt bundle status: how the objects of a bundle's instances are on each selected cluster. It only reads."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from krt.cli.cluster_bundles import add_bundle
from krt.cli.fleet import Fleet, read_fleet
from krt.cli.fleet_end import ended
from krt.cli.fleet_plan import PlannedCluster, plan_fleet
from krt.cli.shared_flags import add_output
from krt.client import exits
from krt.client.console import Console, plain
from krt.cluster.transport import Transport
from krt.core.fleet.instance_owner import BUNDLE, MODULE
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_status import ObjectStatus
from krt.delivery.errors import DeliveryRefused
from krt.delivery.instance_delivery import PlannedInstance
from krt.delivery.instance_status import InstanceStatus, status_of_instance

_MISSING = "NotFound"


@dataclass(frozen=True, slots=True)
class _Found:
    cluster: PlannedCluster
    instances: tuple[tuple[PlannedInstance, InstanceStatus], ...]


def add_status(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of status."""
    add_bundle(parser)
    add_output(parser.add_argument_group("run"))
    parser.set_defaults(run=run_status, overwrite_ownership=True)


def run_status(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the status. Returns the exit code."""

    def carry_out(console: Console) -> int:
        found = trio.run(_look, read_fleet(args.runtime, args, environ), args, environ)
        is_current = all(status.is_current for each in found for _, status in each.instances)
        document = {"status": "ok" if is_current else "error", "problems": [], "clusters": list(map(_document, found))}
        is_printed = console.result(document, *(plain(line) for each in found for line in _lines(each)))
        return exits.DONE if is_current and is_printed else exits.FAILED

    return ended(args, environ, carry_out)


async def _look(fleet: Fleet, args: argparse.Namespace, environ: Mapping[str, str]) -> list[_Found]:
    planned = await plan_fleet(fleet, args, environ, is_removal=True)
    return [_Found(each, await _statuses(fleet, each)) for each in planned]


async def _statuses(fleet: Fleet, cluster: PlannedCluster) -> tuple[tuple[PlannedInstance, InstanceStatus], ...]:
    async def look(transport: Transport, tell: Callable[[str], None]) -> list[InstanceStatus]:
        try:
            return [await status_of_instance(transport, each.instance, tell) for each in cluster.instances]
        except DeliveryRefused as error:
            raise FleetInvalid(str(error)) from error

    return tuple(zip(cluster.instances, await fleet.visit(cluster.way, look), strict=True))


def _lines(found: _Found) -> list[str]:
    lines = [str(found.cluster.way)]
    for planned, status in found.instances:
        lines.append(f"instance {planned.instance.name} in namespace {planned.instance.namespace}: {_head(planned)}")
        lines += [f"{_name(key)} {_words(its)}" for key, its in status.objects.items()]
    return lines


def _head(planned: PlannedInstance) -> str:
    if planned.record is None:
        return "not installed"
    bundle, module = planned.record.labels.get(BUNDLE, ""), planned.record.annotations.get(MODULE, "")
    return f"bundle {bundle or 'unknown'}, module {module or 'unknown'}"


def _name(key: ObjectKey) -> str:
    return "/".join(filter(None, (key.kind, key.namespace, key.name)))


def _words(status: ObjectStatus | None) -> str:
    if status is None:
        return _MISSING
    return f"{status.state.value}{f': {status.reason}' if status.reason else ''}"


def _document(found: _Found) -> dict[str, Any]:
    way = found.cluster.way
    context = way.cluster.context or way.server.context
    named = {"name": way.cluster.name, "group": way.cluster.group, "context": context, "server": way.server.url}
    return {**named, "instances": [_instance(*each) for each in found.instances]}


def _instance(planned: PlannedInstance, status: InstanceStatus) -> dict[str, Any]:
    record = planned.record
    return {
        "name": planned.instance.name,
        "namespace": planned.instance.namespace,
        "bundle": record.labels.get(BUNDLE, "") if record else None,
        "module": record.annotations.get(MODULE, "") if record else None,
        "current": status.is_current,
        "objects": [_object(key, its) for key, its in status.objects.items()],
    }


def _object(key: ObjectKey, status: ObjectStatus | None) -> dict[str, str]:
    state = status.state.value if status else _MISSING
    return {**key._asdict(), "state": state, "reason": status.reason if status else ""}
