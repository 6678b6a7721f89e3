"""Two krt web and two krt worker. Each has its own proxy to the one Valkey; the workers share one to the API server."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from krt.dev.issuer import StandInIssuer
from krt.dev.valkey import EmbeddedValkey, open_valkey
from tests.apiserver.credentials import write_kubeconfig
from tests.apiserver.objects import WORKER_RULES
from tests.apiserver.server import ApiServer
from tests.fakes.proxy import Proxy, open_proxy
from tests.fakes.served import served
from tests.fakes.valkey_users import ADMIN, deployed_users, password_of
from tests.fault.krt_process import HERE, Krt
from tests.fault.plan import API_SERVER, WEBS, WORKERS

AUDIENCE = "https://krt.example.com"
INTERVAL_SECONDS = 1.0
GRACE_SECONDS = 3.0
MOST_TRACEBACK_LINES = 100


@dataclass(frozen=True, slots=True)
class Fleet:
    """The processes and their proxies. `proxies` are by the name of the process that uses each to reach Valkey."""

    valkey: EmbeddedValkey
    issuer: StandInIssuer
    krt: Mapping[str, Krt]
    proxies: Mapping[str, Proxy]

    def log_lines(self, *words: str) -> list[str]:
        """The log lines of all processes that contain one of these words, oldest first."""
        lines = [
            f"{name}: {line}"
            for name, krt in self.krt.items()
            for line in krt.log.read_text(errors="replace").splitlines()
            if any(word in line for word in words)
        ]
        return sorted(lines, key=_time_of)

    def tracebacks(self) -> list[str]:
        """The log of each process from its first traceback on: the first line alone does not name the error."""
        return [f"{name}: {text}" for name, krt in self.krt.items() if (text := _traceback_in(krt.log))]


def _traceback_in(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    begins = next((number for number, line in enumerate(lines) if "Traceback" in line), len(lines))
    return "\n".join(lines[begins : begins + MOST_TRACEBACK_LINES])


def _time_of(line: str) -> str:
    try:
        return str(json.loads(line.partition(": ")[2])["time"])
    except (ValueError, KeyError, TypeError):
        return ""


@asynccontextmanager
async def open_fleet(apiserver: ApiServer, namespace: str, folder: Path, *, code: Path = HERE) -> AsyncIterator[Fleet]:
    """Start everything in the version of `code`, and wait until it is ready. All processes are killed at the end."""
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(
            open_valkey(port=0, durable=True, users=[*deployed_users(), ADMIN], arguments=("--loglevel", "notice"))
        )
        issuer = StandInIssuer()
        issuer.url = await stack.enter_async_context(served(issuer))
        _, _, port = valkey.address.rpartition(":")
        proxies = {n: await stack.enter_async_context(open_proxy("127.0.0.1", int(port))) for n in (*WEBS, *WORKERS)}
        api_port = httpx.URL(apiserver.url).port
        assert api_port
        proxies[API_SERVER] = await stack.enter_async_context(open_proxy("127.0.0.1", api_port))
        kubeconfig = await _kubeconfig(apiserver, namespace, proxies[API_SERVER], folder)
        webs = {name: _web(name, folder, proxies[name], issuer, code) for name in WEBS}
        workers = {name: _worker(name, folder, proxies[name], kubeconfig, namespace, code) for name in WORKERS}
        fleet = Fleet(valkey, issuer, webs | workers, proxies)
        stack.callback(_end, fleet)
        for krt in fleet.krt.values():
            krt.spawn()
        for krt in fleet.krt.values():
            await krt.wait_ready()
        yield fleet


def _end(fleet: Fleet) -> None:
    for krt in fleet.krt.values():
        krt.process.send_kill()
    for krt in fleet.krt.values():
        krt.process.reap()


async def _kubeconfig(apiserver: ApiServer, namespace: str, proxy: Proxy, folder: Path) -> Path:
    account = await apiserver.account(namespace, "krt-worker", WORKER_RULES)
    server = f"https://127.0.0.1:{proxy.port}"
    path = folder / "worker.kubeconfig"
    return write_kubeconfig(path, server=server, ca_file=apiserver.ca_file, token=account.token, namespace=namespace)


def _web(name: str, folder: Path, proxy: Proxy, issuer: StandInIssuer, code: Path) -> Krt:
    own = {
        "KRT_OIDC_ISSUER": issuer.url,
        "GITHUB_OIDC_AUDIENCE": AUDIENCE,
        "GITHUB_ALLOWED_ORG": f"{issuer.job.owner}@{issuer.job.owner_id}",
    }
    return Krt("web", folder, {**_common("web", proxy), **own}, name=name, code=code)


def _worker(name: str, folder: Path, proxy: Proxy, kubeconfig: Path, namespace: str, code: Path) -> Krt:
    own = {
        "KUBECONFIG": str(kubeconfig),
        "KRT_NAMESPACES": namespace,
        "KRT_MIN_INTERVAL": f"{INTERVAL_SECONDS:g}s",
        "KRT_RESTARTS_PER_SECOND": "50",
    }
    return Krt("worker", folder, {**_common("worker", proxy), **own}, name=name, code=code)


def _common(role: str, proxy: Proxy) -> dict[str, str]:
    return {
        "VALKEY_ADDR": f"127.0.0.1:{proxy.port}",
        "VALKEY_USERNAME": f"krt-{role}",
        "VALKEY_PASSWORD": password_of(f"krt-{role}"),
        "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme",
        "KRT_GRACE": f"{GRACE_SECONDS:g}s",
    }
