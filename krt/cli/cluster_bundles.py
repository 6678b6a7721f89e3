"""A bundle for each cluster of a fleet: its documents with the values of the runtime and of the environment."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from krt.cli.fleet import add_clusters, add_files, read_fleet
from krt.cli.instance_files import instance_files
from krt.core.cue.nodes import CueDocument
from krt.core.cue.refusals import CueRefused
from krt.core.cue.result import JsonValue
from krt.core.fleet.attributes import secrets_in
from krt.core.fleet.bundle import FleetBundle, read_bundle
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import RuntimeCluster
from krt.core.fleet.variables import environment_variables, variables_of
from krt.delivery.cue_document import evaluated
from krt.delivery.cue_program import CueProgram, find_cue
from krt.secret import Secret


@dataclass(frozen=True, slots=True)
class ClusterBundle:
    """The bundle for one cluster. `value` is the document's; `masked` has stars for its secrets."""

    cluster: RuntimeCluster
    bundle: FleetBundle
    value: JsonValue
    masked: JsonValue


def add_bundle(parser: argparse.ArgumentParser, *, timeout: str = "1m") -> None:
    """Add the flags that name the bundle, the runtime and the clusters. `timeout` is the default of --timeout."""
    add_files(parser, "bundle")
    parser.add_argument(
        "--runtime",
        metavar="FILE",
        action="append",
        default=[],
        help="the runtime whose values fill the bundle's fields; may be repeated (default: none)",
    )
    parser.add_argument(
        "--runtime-from-env", action="store_true", help="fill fields from environment variables of the same names, too"
    )
    add_clusters(parser, timeout=timeout)


def cluster_bundles(args: argparse.Namespace, environ: Mapping[str, str]) -> list[ClusterBundle]:
    """The bundle for each selected cluster. Raises FleetInvalid, SettingsInvalid and FleetUnavailable."""
    documents = instance_files(args.files)
    environment = environment_variables(environ) if args.runtime_from_env else {}
    found = trio.run(read_fleet(args.runtime, args, environ).values) if args.runtime else [(RuntimeCluster(), {})]
    program = find_cue(environ)
    return [trio.run(bundle_for, documents, environment, *each, program) for each in found]


async def bundle_for(
    documents: list[CueDocument],
    environment: Mapping[str, RuntimeVariable],
    cluster: RuntimeCluster,
    values: Mapping[str, RuntimeVariable],
    program: CueProgram | None,
) -> ClusterBundle:
    """The bundle with this cluster's values and the environment's. `program` is `cue`. Raises FleetInvalid."""
    variables = variables_of(environment, values, cluster)
    try:
        result = await evaluated(documents, variables, program)
        secrets = frozenset[Secret]().union(*(secrets_in(each, variables) for each in documents))
        bundle = read_bundle(result.value, result.unordered, tuple(secrets))
    except CueRefused as error:
        raise FleetInvalid(f"{cluster.title}{error}") from None
    except FleetInvalid as error:
        raise FleetInvalid(*(f"{cluster.title}{each}" for each in error.problems)) from None
    return ClusterBundle(cluster, bundle, result.value, result.masked)
