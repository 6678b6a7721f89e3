"""How krt reaches the API server and who it is there: kubeconfig, in-cluster account, exec plugins.

The `kubernetes` package reads all of that, in a thread, for it may block or run a program. It makes no calls here.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import trio
import yaml

from krt.errors import ClusterUnavailable, SettingsInvalid

_READ_AGAIN_SECONDS = 60.0  # projected service-account tokens are replaced well before they end
_RENEW_AT_MOST_EVERY_SECONDS = (
    5.0  # a refused token asks for a new one; a refused account must not run a plugin in a loop
)
_CONNECT_SECONDS = 4.0
_READ_SECONDS = 30.0  # an exec plugin may ask a cloud for its token


@dataclass(frozen=True, slots=True)
class Server:
    """Where the API server is and how to speak TLS with it."""

    url: str
    identity: str  # the same for every worker of this cluster, and for no other cluster's
    tls: ssl.SSLContext | bool
    server_name: str | None
    proxy: str | None


class Credentials:
    """The Authorization header of the moment: read again every minute, and when the API server refuses it.

    An exec plugin is run again only when its token has ended or was refused.
    """

    def __init__(self, source: "_Source") -> None:
        self._source = source
        self._header: str | None = None
        self._read_at = -_READ_AGAIN_SECONDS
        self._lock = trio.Lock()

    async def header(self) -> str | None:
        """The header's value; None where a client certificate says who krt is. Raises ClusterUnavailable."""
        if trio.current_time() - self._read_at >= _READ_AGAIN_SECONDS:
            await self._read(self._source.header, _READ_AGAIN_SECONDS)
        return self._header

    async def renew(self) -> None:
        """Read everything anew, after a 401. Raises ClusterUnavailable."""
        await self._read(self._source.new_header, _RENEW_AT_MOST_EVERY_SECONDS)

    async def _read(self, read: Callable[[], str | None], at_most_every_seconds: float) -> None:
        async with self._lock:
            if trio.current_time() - self._read_at < at_most_every_seconds:
                return
            with trio.move_on_after(_READ_SECONDS):
                self._header = await trio.to_thread.run_sync(read, abandon_on_cancel=True)
                self._read_at = trio.current_time()
                return
            raise ClusterUnavailable(f"the credentials were not read within {_READ_SECONDS:g} s")


class _Source:
    """The kubernetes package's reading of one kubeconfig, or of the pod's own account. Everything here blocks."""

    def __init__(self, kubeconfig: Path | None) -> None:
        self._kubeconfig = kubeconfig
        self.configuration = self._load()

    def header(self) -> str | None:
        """The header as of now. Raises ClusterUnavailable."""
        return self._guarded(self._current if self._runs_plugin() else self._anew)

    def new_header(self) -> str | None:
        """The header, whatever was known before. Raises ClusterUnavailable."""
        return self._guarded(self._anew)

    def _guarded(self, read: Callable[[], str | None]) -> str | None:
        try:
            return read()
        except _config_errors() as error:
            raise ClusterUnavailable(f"the credentials cannot be read: {error}") from error

    def _current(self) -> str | None:
        header: str | None = self.configuration.get_api_key_with_prefix("BearerToken")  # runs the plugin at expiry
        return header

    def _anew(self) -> str | None:
        self.configuration = self._load()
        return self._current()

    def _load(self) -> Any:
        from kubernetes.client import Configuration
        from kubernetes.config import load_incluster_config, load_kube_config

        configuration = Configuration()
        if self._kubeconfig:
            load_kube_config(config_file=str(self._kubeconfig), client_configuration=configuration)
        else:
            load_incluster_config(client_configuration=configuration)
        return configuration

    def _runs_plugin(self) -> bool:
        if self._kubeconfig is None:
            return False
        users = yaml.safe_load(self._kubeconfig.read_text()).get("users") or []
        return any("exec" in (user.get("user") or {}) for user in users)


def load_access(kubeconfig: Path | None) -> tuple[Server, Credentials]:
    """Read the access that the settings name. Blocks. Raises SettingsInvalid with what is wrong with it."""
    try:
        source = _Source(kubeconfig)
        return _server(source.configuration), Credentials(source)
    except _config_errors() as error:
        raise SettingsInvalid((f"{_where(kubeconfig)}: {error}",)) from error


def _where(kubeconfig: Path | None) -> str:
    if kubeconfig:
        return f"KUBECONFIG (or --kubeconfig) {str(kubeconfig)!r}"
    return "KUBECONFIG (or --kubeconfig) is not given, and this is no pod with a service account"


def http_client(server: Server, *, connections: int) -> httpx.AsyncClient:
    """A client of the API server. Its deadlines are scopes where the calls are made, except for connecting.

    A scope that ends in the middle of a TLS handshake leaves httpcore's socket open; its own timeout closes it.
    """
    return httpx.AsyncClient(
        base_url=server.url,
        verify=server.tls,
        proxy=server.proxy,
        trust_env=False,
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60),
        headers={"User-Agent": "krt", "Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _server(configuration: Any) -> Server:
    return Server(
        url=configuration.host,
        identity=_identity(configuration),
        tls=_tls(configuration),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


def _identity(configuration: Any) -> str:
    ca_file = configuration.ssl_ca_cert
    return sha256(configuration.host.encode() + (Path(ca_file).read_bytes() if ca_file else b"")).hexdigest()


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:  # only where the kubeconfig says insecure-skip-tls-verify
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _config_errors() -> tuple[type[Exception], ...]:
    from kubernetes.config import ConfigException

    return (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, KeyError)
