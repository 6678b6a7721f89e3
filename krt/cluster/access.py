"""Access to the API server by a kubeconfig or the pod's account: address, TLS, credentials and the HTTP client."""

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
_MOST_KEYS = 64  # of authorities


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where the API server is, and how krt connects to it."""

    url: str
    authorities: tuple[str, ...]  # the SHA-256 of each authority's public key; empty for the operating system's
    secured: Secured
    proxies: Proxies
    context: str = ""  # of the kubeconfig; "" in a pod
    to_proxies: ssl.SSLContext | None = None  # TLS to the proxies themselves, if one is https://


def load_access(kubeconfig: Path | None, *, named: str = "", context: str = "") -> tuple[ApiServer, Credentials]:
    """The access by `kubeconfig`, or by the pod's account if that is None. Blocks. Raises SettingsInvalid.

    `context` is the kubeconfig's context to use; for "" it is the current one. `named` says in an error where the path
    was given; by default it is the setting KUBECONFIG. A plugin is not run yet: if it fails,
    the first call raises ClusterUnavailable.
    """
    try:
        access = read_access(kubeconfig, context)
        tls = context_of(access.material)
    except Unusable as error:
        raise SettingsInvalid((f"{_where(kubeconfig, named)}: {error}",)) from error
    secured = Secured(tls)
    # A proxy in the kubeconfig is used even if NO_PROXY names the server, as in client-go.
    proxies = Proxies(access.proxy, access.proxy, (), always=True) if access.proxy else proxies_of(os.environ)
    check_way(proxies, access.url)
    authorities = _authorities(tls) if access.material.authorities else ()
    credentials = Credentials(kubeconfig, access, secured, context=context)
    # The cluster's authorities and krt's certificate are not for proxies.
    to_proxies = ssl.create_default_context() if proxies.are_secure else None
    return ApiServer(access.url, authorities, secured, proxies, access.context, to_proxies), credentials


def http_client(server: ApiServer, *, connections: int) -> httpx.AsyncClient:
    """A client of the API server. It has a deadline for connecting; callers set all others as cancel scopes.

    If a cancel scope ended a TLS handshake, httpcore would leave the socket open; httpcore's own timeout closes it.
    """
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60)
    return httpx.AsyncClient(
        base_url=server.url,
        transport=ApiConnections(server.secured, server.proxies.of, limits, to_proxies=server.to_proxies),
        trust_env=False,
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        headers={"User-Agent": "krt", "Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _where(kubeconfig: Path | None, named: str) -> str:
    if kubeconfig:
        return f"{named or 'KUBECONFIG (or --kubeconfig)'} {str(kubeconfig)!r}"
    return "KUBECONFIG (or --kubeconfig) is not given, and this is not a pod with a service account"


def _authorities(tls: ssl.SSLContext) -> tuple[str, ...]:
    # krt compares keys, not the bundle's text: a renewed certificate has the same key, and comments do not matter.
    return tuple(sorted({key for der in tls.get_ca_certs(binary_form=True) if (key := _key_digest(der))}))[:_MOST_KEYS]


def _key_digest(der: bytes) -> str | None:
    try:
        key = load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):  # OpenSSL accepts certificates that cryptography cannot read
        return None
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
