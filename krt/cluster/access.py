"""How krt reaches the API server and who it is there: kubeconfig, in-cluster account, exec plugins.

The `kubernetes` package reads all of that, in a thread, for it may block or run a program. It makes no calls here.
"""

import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from krt.cluster.credentials import Credentials
from krt.cluster.source import Source, Unusable
from krt.errors import SettingsInvalid
from krt.serving.tls import client_context

_CONNECT_SECONDS = 4.0
_MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class Server:
    """Where the API server is and how to speak TLS with it."""

    url: str
    authorities: tuple[str, ...]  # the SHA-256 of each public key that may sign for it; none: the system's
    tls: ssl.SSLContext
    server_name: str | None
    proxy: str | None


def load_access(kubeconfig: Path | None) -> tuple[Server, Credentials]:
    """Read the access that the settings name. Blocks. Raises SettingsInvalid with what is wrong with it.

    Where a server can be read, but no credentials yet (a plugin fails), it is not too late: the calls say so.
    """
    try:
        source = Source(kubeconfig)
        return _server(source.configuration), Credentials(source)
    except Unusable as error:
        raise SettingsInvalid((f"{_where(kubeconfig)}: {error}",)) from error


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


def _where(kubeconfig: Path | None) -> str:
    if kubeconfig:
        return f"KUBECONFIG (or --kubeconfig) {str(kubeconfig)!r}"
    return "KUBECONFIG (or --kubeconfig) is not given, and this is no pod with a service account"


def _server(configuration: Any) -> Server:
    _check_url(configuration.host, "its server")
    if configuration.proxy:
        _check_url(configuration.proxy, "the proxy on the way to its server")
    tls = _tls(configuration)
    return Server(
        url=configuration.host,
        authorities=_authorities(tls) if configuration.ssl_ca_cert else (),
        tls=tls,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


def _check_url(text: str | None, what: str) -> None:
    try:
        url = httpx.URL(text or "")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unusable(f"{what} is no http:// or https:// URL")


def _authorities(tls: ssl.SSLContext) -> tuple[str, ...]:
    # Of the keys: a certificate that is renewed has the same one, and comments in a bundle are nobody's.
    return tuple(sorted({key for der in tls.get_ca_certs(binary_form=True) if (key := _key_digest(der))}))[:_MOST_KEYS]


def _key_digest(der: bytes) -> str | None:
    try:
        key = load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):  # OpenSSL takes more than cryptography can read
        return None
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _tls(configuration: Any) -> ssl.SSLContext:
    ca_file, cert_file, key_file = (
        Path(name) if name else None
        for name in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    )
    try:
        context = client_context(ca_file, cert_file, key_file)
    except ValueError as error:
        raise Unusable(str(error)) from error
    if not configuration.verify_ssl:  # only where the kubeconfig says insecure-skip-tls-verify
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
