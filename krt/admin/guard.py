"""Protects the live page against DNS rebinding: it is served only under names that no outsider can point to it.

The owner of a public name can point the name to an address in a private network. A script of the owner's site, in a
visitor's browser, could then read the page. So a request with such a name in Host is refused.
"""

import ipaddress
import re
from collections.abc import Collection

from krt.serving.asgi import RawHeaders

# Names that resolve within a machine or a cluster only, never in public DNS.
_INTERNAL = (".localhost", ".svc", ".cluster.local")

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::[0-9]{0,5})?")


def refusal(headers: RawHeaders, hosts: Collection[str]) -> str | None:
    """Why a request with these headers is refused, or None. `hosts` are the names that KRT_ADMIN_HOSTS allows."""
    named = dict(headers)
    if not _is_internal(_name(named.get(b"host", b"").decode("latin-1")), hosts):
        return (
            "The live page is shown only under an address, localhost, the name of a Service, "
            "or a name in KRT_ADMIN_HOSTS (or --admin-hosts).\n"
        )
    return None


def is_cross_site(headers: RawHeaders) -> bool:
    """Whether the browser says that another site's page sent the request. It could only use up one of the streams."""
    return dict(headers).get(b"sec-fetch-site", b"same-origin") not in {b"same-origin", b"none"}


def _name(host: str) -> str:
    """The host without port and final dot, in lower case; empty if it is malformed."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower().removesuffix(".") if found else ""


def _is_internal(name: str, hosts: Collection[str]) -> bool:
    if name in hosts:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_INTERNAL))
    return True
