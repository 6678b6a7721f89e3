"""An httpx transport on Trio for tests: as krt's own, it closes its socket also if a TLS handshake is cancelled.

Otherwise the garbage collector does so, with a ResourceWarning in another test. A paused server causes such handshakes.
"""

import ssl
from typing import Any

import httpx

from krt.handshakes import ClosingBackend


def closing_transport(context: ssl.SSLContext, **options: Any) -> httpx.AsyncHTTPTransport:
    """The transport. `options` are those of httpx.AsyncHTTPTransport."""
    transport = httpx.AsyncHTTPTransport(verify=context, **options)
    transport._pool._network_backend = ClosingBackend()
    return transport
