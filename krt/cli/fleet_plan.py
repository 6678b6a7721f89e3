"""Looks at all selected clusters before the first one is written, so that bad input is met while nothing is written."""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from krt.cli.cluster_bundles import ClusterBundle, bundle_for
from krt.cli.fleet import ClusterAccess, Fleet
from krt.cli.fleet_build import pull_all
from krt.cli.instance_files import instance_files
from krt.cluster.transport import Transport
from krt.core.fleet.bundle import Instance, Module
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.instance_owner import ownership_problem
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import RuntimeCluster
from krt.core.fleet.variables import environment_variables
from krt.delivery.cue_program import find_cue
from krt.delivery.instance_delivery import PlannedInstance
from krt.delivery.instance_objects import ObjectsOfInstance, objects_of_instance
from krt.delivery.instance_record import InstanceRecord, kube_version, record_of
from krt.delivery.module_pull import PulledModule
from krt.secret import Secret


@dataclass(frozen=True, slots=True)
class PlannedCluster:
    """A cluster, the instances that it shall have, in the order of the bundle, and the secrets of their values."""

    way: ClusterAccess
    bundle: str
    instances: tuple[PlannedInstance, ...]
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class _Looked:
    way: ClusterAccess
    found: ClusterBundle
    kube_version: str
    records: Mapping[str, InstanceRecord | None]


async def plan_fleet(
    fleet: Fleet, args: argparse.Namespace, environ: Mapping[str, str], *, is_removal: bool = False
) -> list[PlannedCluster]:
    """The plan for each selected cluster. Raises FleetInvalid, SettingsInvalid and FleetUnavailable."""
    environment = environment_variables(environ) if args.runtime_from_env else {}
    bundle_of = partial(bundle_for, instance_files(args.files), environment, program=find_cue(environ))
    looked = [await _look(fleet, way, bundle_of) for way in fleet.ways()]
    if not args.overwrite_ownership:
        _check_ownership(looked)
    if is_removal:
        return [_planned(each, [_without_objects(each, its) for its in each.found.bundle.instances]) for each in looked]
    pulled = await pull_all(_modules(looked), args, environ)
    objects_of = partial(objects_of_instance, program=find_cue(environ))
    built = [[await _build(each, its, pulled, objects_of) for its in _instances(each)] for each in looked]
    return list(map(_planned, looked, built))


async def _look(
    fleet: Fleet,
    way: ClusterAccess,
    bundle_of: Callable[[RuntimeCluster, Mapping[str, RuntimeVariable]], Awaitable[ClusterBundle]],
) -> _Looked:
    async def look(transport: Transport, tell: Callable[[str], None]) -> _Looked:
        version = await kube_version(transport, tell)
        values = await fleet.read(transport, tell)
        found = await bundle_of(way.cluster, values)
        records = {each.name: await record_of(transport, each, tell) for each in found.bundle.instances}
        return _Looked(way, found, version, records)

    return await fleet.visit(way, look)


def _check_ownership(looked: Sequence[_Looked]) -> None:
    problems = [
        f"{each.way.cluster.title}{problem}"
        for each in looked
        for instance in _instances(each)
        if (record := each.records[instance.name])
        and (problem := ownership_problem(instance, each.found.bundle.name, record.labels))
    ]
    if problems:
        raise FleetInvalid(*problems)


def _instances(looked: _Looked) -> tuple[Instance, ...]:
    return looked.found.bundle.instances


def _modules(looked: Sequence[_Looked]) -> list[Module]:
    return list(dict.fromkeys(instance.module for each in looked for instance in _instances(each)))


def _without_objects(looked: _Looked, instance: Instance) -> PlannedInstance:
    return PlannedInstance(instance, looked.found.bundle.name, looked.records[instance.name])


async def _build(
    looked: _Looked, instance: Instance, pulled: Mapping[Module, PulledModule], objects_of: ObjectsOfInstance
) -> PlannedInstance:
    module = pulled[instance.module]
    try:
        objects = await objects_of(instance, module, looked.kube_version)
    except FleetInvalid as error:
        raise FleetInvalid(*(f"{looked.way.cluster.title}{each}" for each in error.problems)) from error
    record = looked.records[instance.name]
    return PlannedInstance(instance, looked.found.bundle.name, record, module.digest, objects)


def _planned(looked: _Looked, instances: Sequence[PlannedInstance]) -> PlannedCluster:
    secrets = {each: None for instance in _instances(looked) for each in instance.secrets}
    return PlannedCluster(looked.way, looked.found.bundle.name, tuple(instances), tuple(secrets))
