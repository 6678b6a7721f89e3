"""What the commands about runtimes share: their flags, the selected clusters, and the values of each."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from krt.cli.instance_files import instance_files
from krt.cli.roles import bad_input
from krt.cli.shared_flags import add_kubeconfig
from krt.cli.users_kubeconfig import users_kubeconfig
from krt.client import exits
from krt.cluster.access import ApiServer, http_client, load_access
from krt.cluster.credentials import Credentials
from krt.cluster.transport import Transport
from krt.core.cue.refusals import CueRefused
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import Runtime, RuntimeCluster, read_runtime
from krt.delivery.cue_document import evaluated
from krt.delivery.cue_program import find_cue
from krt.delivery.runtime_values import runtime_values
from krt.errors import ClusterError, SettingsInvalid
from krt.output import say, tell
from krt.settings.values import duration

T = TypeVar("T")
# Called with a cluster's API server, and with a function that takes the reason of each repeated call.
Visit = Callable[[Transport, Callable[[str], None]], Awaitable[T]]
_CONNECTIONS = 8


class FleetUnavailable(Exception):
    """A cluster or registry refuses or does not answer. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """How to reach a cluster."""

    cluster: RuntimeCluster
    server: ApiServer
    credentials: Credentials

    def __str__(self) -> str:
        """The cluster with its context and server, for people."""
        server = f"server {self.server.url}"
        if self.cluster.name:
            return f"{self.cluster}, {server}"
        return f"context {self.server.context}, {server}" if self.server.context else server


@dataclass(frozen=True, slots=True)
class Fleet:
    """A runtime, its selected clusters, and how to reach them."""

    runtime: Runtime
    clusters: tuple[RuntimeCluster, ...]
    kubeconfig: Path | None
    timeout_seconds: float

    async def values(self) -> "list[tuple[RuntimeCluster, dict[str, RuntimeVariable]]]":
        """The values of each cluster, in order. Raises SettingsInvalid before any cluster is asked, FleetInvalid, and
        FleetUnavailable.
        """
        if not self.runtime.queries:
            return [(each, {}) for each in self.clusters]
        return [(way.cluster, await self.visit(way, self.read)) for way in self.ways()]

    def ways(self) -> "list[ClusterAccess]":
        """The ways to all clusters. Raises SettingsInvalid."""
        access = [load_access(self.kubeconfig, context=each.context) for each in self.clusters]
        return [ClusterAccess(each, *found) for each, found in zip(self.clusters, access, strict=True)]

    async def read(self, transport: Transport, tell: Callable[[str], None]) -> dict[str, RuntimeVariable]:
        """The values of one cluster. Raises as `runtime_values`."""
        return await runtime_values(transport, self.runtime, tell)

    async def visit(self, way: "ClusterAccess", work: Visit[T]) -> T:
        """The result of `work`, within `timeout_seconds`. Raises FleetInvalid and FleetUnavailable."""
        reasons, where = list[str](), way.cluster.title
        try:
            with trio.fail_after(self.timeout_seconds):
                async with http_client(way.server, connections=_CONNECTIONS) as client:
                    return await work(Transport(client, way.credentials), reasons.append)
        except FleetInvalid as error:
            raise FleetInvalid(*(f"{where}{each.removeprefix(where)}" for each in error.problems)) from error
        except ClusterError as error:
            raise FleetUnavailable(f"{where}{error}") from error
        except trio.TooSlowError:
            last = f": {reasons[-1]}" if reasons else ""
            raise FleetUnavailable(f"{where}no answer within {self.timeout_seconds:g} s (--timeout){last}") from None


def add_files(parser: argparse.ArgumentParser, document: str) -> None:
    """Add the flag that names the files of the document."""
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        dest="files",
        action="append",
        required=True,
        help=f"the {document}: .cue, .yaml or .json, or - for CUE on standard input; several files are merged",
    )


def add_clusters(parser: argparse.ArgumentParser, *, timeout: str = "1m") -> None:
    """Add the flags that select clusters and say how to reach them. `timeout` is the default of --timeout."""
    clusters = parser.add_argument_group("clusters")
    for flag, of in (("--runtime-cluster", "name"), ("--runtime-group", "group")):
        clusters.add_argument(flag, metavar="NAME", default="", help=f"only clusters of this {of} (default: all)")
    clusters.add_argument(
        "--kube-context", metavar="NAME", default="", help="the context to use if the runtime defines no clusters"
    )
    add_kubeconfig(clusters)
    clusters.add_argument(
        "--timeout",
        metavar="DURATION",
        default=timeout,
        help=f"how long each cluster may take to answer, and each instance to become ready (default: {timeout})"
        if timeout != "1m"
        else "how long each cluster may take to answer (default: 1m)",
    )


def read_fleet(names: Sequence[str], args: argparse.Namespace, environ: Mapping[str, str]) -> Fleet:
    """The fleet of the runtime in these files; without files of the one cluster. Raises FleetInvalid."""
    try:
        seconds, kubeconfig = duration(args.timeout), users_kubeconfig(args.kubeconfig, environ)
        runtime = _runtime(names, environ)
    except (CueRefused, ValueError) as error:
        raise FleetInvalid(*getattr(error, "problems", (str(error),))) from error
    for unknown in runtime.unknown:
        say(sys.stderr, f"krt: warning: {unknown} is not a field of a runtime, and krt ignores it")
    if args.kube_context and runtime.clusters:
        raise FleetInvalid("--kube-context has no effect: the runtime defines clusters; choose by --runtime-cluster")
    clusters = runtime.select(args.runtime_cluster, args.runtime_group, args.kube_context)
    return Fleet(runtime, clusters, kubeconfig, seconds)


def _runtime(names: Sequence[str], environ: Mapping[str, str]) -> Runtime:
    if not names:
        return Runtime("", (), ())
    result = trio.run(evaluated, instance_files(names), {}, find_cue(environ))
    return read_runtime(result.value, result.unordered)


def printed(lines: Callable[[], Sequence[str]]) -> int:
    """Print the lines, or why there are none. Returns the exit code."""
    try:
        found = lines()
    except (FleetInvalid, SettingsInvalid) as error:
        return bad_input(SettingsInvalid(error.problems))
    except FleetUnavailable as error:
        say(sys.stderr, f"krt: {error}")
        return exits.FAILED
    tell(*found)
    return exits.DONE
