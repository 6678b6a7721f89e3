"""Starts the servers that `krt all --dev` embeds, for this machine only, and gives the settings to use them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
import yaml

from krt.dev.cluster import StandInCluster, sample_bundle_deployment, sample_deployments
from krt.dev.issuer import StandInIssuer
from krt.dev.listener import stand_in_listener
from krt.dev.valkey import open_valkey
from krt.serving.asgi import App
from krt.serving.http import serve

_AUDIENCE = "http://krt.dev.localhost"


@dataclass(frozen=True, slots=True)
class Embedded:
    """The running servers. `started` describes each in one phrase with its address.

    `environ` has the settings with which krt uses the servers, `job_environ` the variables that a GitHub job would
    have. For each of `tags`, a workload of the stand-in cluster runs `image` with this tag.
    """

    started: tuple[str, ...]
    environ: Mapping[str, str]
    job_environ: Mapping[str, str]
    image: str
    tags: tuple[str, ...]


@asynccontextmanager
async def embedded(*, valkey: bool = True, cluster: bool = True) -> AsyncIterator[Embedded]:
    """Run an issuer and, if wanted, a Valkey and a stand-in cluster, until the end of the block."""
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        issuer = StandInIssuer()
        issuer.url = await _serve(nursery, issuer)
        environ = {
            "KRT_OIDC_ISSUER": issuer.url,
            "GITHUB_OIDC_AUDIENCE": _AUDIENCE,
            "GITHUB_ALLOWED_ORG": f"{issuer.job.owner}@{issuer.job.owner_id}",
            "ALLOWED_IMAGE_PREFIX": f"ghcr.io/{issuer.job.owner}/",
        }
        started = [f"an OIDC issuer with a key of its own at {issuer.url}"]
        if valkey:
            server = await stack.enter_async_context(open_valkey())
            environ["VALKEY_ADDR"] = server.address
            started.append(f"Valkey at {server.address}")
        if cluster:
            environ["KUBECONFIG"], url = await _serve_cluster(nursery, stack)
            started.append(f"a stand-in for a cluster with sample Deployments and a BundleDeployment at {url}")
        job_environ = {
            "KRT_AUDIENCE": _AUDIENCE,
            "ACTIONS_ID_TOKEN_REQUEST_URL": issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
        }
        yield Embedded(tuple(started), environ, job_environ, f"ghcr.io/{issuer.job.owner}/shop", ("dev",))


async def _serve_cluster(nursery: trio.Nursery, stack: AsyncExitStack) -> tuple[str, str]:
    cluster = StandInCluster([*sample_deployments(), sample_bundle_deployment()])
    nursery.start_soon(cluster.roll_out)
    url = await _serve(nursery, cluster)
    directory = stack.enter_context(TemporaryDirectory(prefix="krt-dev-"))
    return str(_write_kubeconfig(Path(directory), url)), url


async def _serve(nursery: trio.Nursery, app: App) -> str:
    # `stopping` is never set: the nursery is cancelled after krt itself has drained.
    bound = await nursery.start(partial(serve, app, stand_in_listener(), stopping=trio.Event()))
    return f"http://{bound[0]}"


def _write_kubeconfig(directory: Path, url: str) -> Path:
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": {"server": url}}],
        "users": [{"name": "dev", "user": {}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path
