"""The role that keeps a cluster as its documents say: wires krt.controller, krt.cluster and krt.sources together."""

import os
from secrets import token_hex
from socket import gethostname

import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.bounded import BoundedTransport, WriteBounds
from krt.cluster.impersonation import Impersonating
from krt.cluster.prove import prove
from krt.cluster.source import ACCOUNT
from krt.cluster.transport import Transport
from krt.controller.app_secrets.secrets_controller import SecretsController
from krt.controller.bundles_controller import BundlesController, Reach
from krt.daemon.room import CONTROLLER_CONNECTIONS
from krt.daemon.shared import Daemon
from krt.errors import SettingsInvalid
from krt.files import FileUnusable, read_file
from krt.proxies import proxies_of
from krt.serving.address import Address
from krt.settings.parts import BUNDLES, SECRETS, ControllerSettings
from krt.sources.fetch import Fetcher
from krt.sources.way import Way
from krt.tls import client_context

# 20 writes a second in the long run: a bundle of ordinary size is applied at once, and no fleet floods the API server.
_WRITES_AT_ONCE, _WRITES_PER_SECOND, _BURST = 8, 20.0, 200
_MOST_NAME_BYTES = 255  # of a namespace: 63 characters, and perhaps a line's end


async def controller(daemon: Daemon, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
    """Run the controllers that KRT_CONTROLLERS names. Each works while this process has its Lease."""
    settings, own = daemon.settings.kubernetes, daemon.settings.controller
    assert settings is not None, "the role runs only with its settings"
    assert own is not None, "the role runs only with its settings"
    namespace = await trio.to_thread.run_sync(namespace_of, own.namespace)
    server, credentials = await trio.to_thread.run_sync(load_access, settings.kubeconfig, abandon_on_cancel=True)
    async with http_client(server, connections=CONTROLLER_CONNECTIONS) as client, trio.open_nursery() as nursery:
        bounds = WriteBounds(_WRITES_AT_ONCE, _WRITES_PER_SECOND, _BURST)
        transport = BoundedTransport(client, credentials, bounds)
        deployer = BoundedTransport(client, Impersonating(credentials, namespace, own.deployer), bounds)
        identity = f"{gethostname()}_{token_hex(4)}"
        running: list[BundlesController | SecretsController] = []
        if BUNDLES in own.controllers:
            running.append(await _bundles(daemon, own, Reach(transport, deployer, namespace), identity))
        if SECRETS in own.controllers:
            running.append(_secrets(daemon, transport, namespace, identity))
        task_status.started(())
        nursery.start_soon(_cancel_when_stopping, nursery.cancel_scope, daemon.stopping)
        nursery.start_soon(prove, transport)
        for each in running:
            nursery.start_soon(each.run)


async def _bundles(daemon: Daemon, own: ControllerSettings, reach: Reach, identity: str) -> BundlesController:
    verify = await trio.to_thread.run_sync(client_context, own.sources_ca_file, None, None)
    fetcher, metrics = Fetcher(Way(verify, proxies_of(os.environ))), daemon.metrics.controller
    found = BundlesController(reach, fetcher, identity, deadline_seconds=own.deadline_seconds, metrics=metrics)
    daemon.health.add("controller", lambda: "; ".join(found.problems()) or None, found.summary)
    metrics.watch_leader(BUNDLES, leads=lambda: found.leadership.leads, retrying=found.retrying)
    metrics.watch_bundles(deployments=found.deployments_by_state, bundles=found.bundles_by_phase)
    return found


def _secrets(daemon: Daemon, transport: Transport, namespace: str, identity: str) -> SecretsController:
    found = SecretsController(
        transport, namespace, identity, metrics=daemon.metrics.secrets, deliveries=daemon.deliveries
    )
    daemon.health.add("secrets", lambda: "; ".join(found.problems()) or None, found.summary)
    daemon.metrics.controller.watch_leader(SECRETS, leads=lambda: found.leadership.leads, retrying=found.retrying)
    daemon.metrics.secrets.watch_deployments(found.deployments_by_state)
    return found


def namespace_of(named: str | None) -> str:
    """The namespace that krt runs in: that of the setting, or the pod's. Blocks. Raises SettingsInvalid."""
    if named:
        return named
    try:
        return read_file(ACCOUNT / "namespace", most_bytes=_MOST_NAME_BYTES).decode("ascii").strip()
    except ValueError as error:  # FileUnusable, or UnicodeDecodeError
        reason = f" ({error})" if isinstance(error, FileUnusable) else ""
        problem = f"KRT_CONTROLLER_NAMESPACE (or --controller-namespace) is required outside a pod{reason}"
        raise SettingsInvalid((problem,)) from None


async def _cancel_when_stopping(scope: trio.CancelScope, stopping: trio.Event) -> None:
    await stopping.wait()
    scope.cancel()
