"""How krt reaches the API server: what a kubeconfig or the pod's account says, and the client made of it."""

import os
import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from krt.cluster.connections import ApiConnections
from krt.cluster.credentials import Credentials
from krt.cluster.kubeconfig import Unusable
from krt.cluster.secured import Secured, context_of
from krt.cluster.source import read_access
from krt.errors import SettingsInvalid
from krt.proxies import Proxies, check_way, proxies_of

_CONNECT_SECONDS = 4.0
_MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where the API server is and how to speak TLS with it."""

    url: str
    authorities: tuple[str, ...]  # the SHA-256 of each public key that may sign for it; none: the system's
    secured: Secured
    proxies: Proxies


def load_access(kubeconfig: Path | None) -> tuple[ApiServer, Credentials]:
    """Read the access that the settings name. Blocks. Raises SettingsInvalid with what is wrong with it.

    Where a server can be read, but no credentials yet (a plugin fails), it is not too late: the calls say so.
    """
    try:
        access = read_access(kubeconfig)
        context = context_of(access.material)
    except Unusable as error:
        raise SettingsInvalid((f"{_where(kubeconfig)}: {error}",)) from error
    secured = Secured(context)
    # What the kubeconfig names is asked whatever NO_PROXY says, as in client-go.
    proxies = Proxies(access.proxy, access.proxy, (), always=True) if access.proxy else proxies_of(os.environ)
    check_way(proxies, access.url)
    authorities = _authorities(context) if access.material.authorities else ()
    return ApiServer(access.url, authorities, secured, proxies), Credentials(kubeconfig, access, secured)


def http_client(server: ApiServer, *, connections: int) -> httpx.AsyncClient:
    """A client of the API server. Its deadlines are scopes where the calls are made, except for connecting.

    A scope that ends in the middle of a TLS handshake leaves httpcore's socket open; its own timeout closes it.
    """
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60)
    return httpx.AsyncClient(
        base_url=server.url,
        transport=ApiConnections(server.secured, server.proxies.of, limits),
        trust_env=False,
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        headers={"User-Agent": "krt", "Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _where(kubeconfig: Path | None) -> str:
    if kubeconfig:
        return f"KUBECONFIG (or --kubeconfig) {str(kubeconfig)!r}"
    return "KUBECONFIG (or --kubeconfig) is not given, and this is no pod with a service account"


def _authorities(tls: ssl.SSLContext) -> tuple[str, ...]:
    # Of the keys: a certificate that is renewed has the same one, and comments in a bundle are nobody's.
    return tuple(sorted({key for der in tls.get_ca_certs(binary_form=True) if (key := _key_digest(der))}))[:_MOST_KEYS]


def _key_digest(der: bytes) -> str | None:
    try:
        key = load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):  # OpenSSL takes more than cryptography can read
        return None
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
