"""Who may be shown the live page: browsers that ask for it under a name that nobody outside can point here.

Whoever owns a public name can have it lead to an address of a private network, and read in a visitor's browser what is
there (DNS rebinding). A page asked for under such a name is therefore not shown.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable

# Names that are resolved within a machine or a cluster, never by a public DNS server.
_INTERNAL = (".localhost", ".svc", ".cluster.local")

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::[0-9]{0,5})?")

Headers = Iterable[tuple[bytes, bytes]]


def refusal(headers: Headers, hosts: Collection[str]) -> str | None:
    """Why a request with these headers is shown nothing; `hosts` are the names that the settings allow."""
    named = dict(headers)
    if not _is_internal(_name(named.get(b"host", b"").decode("latin-1")), hosts):
        return (
            "The live page is shown under an address, localhost, the name of a Service, "
            "and names in KRT_ADMIN_HOSTS (or --admin-hosts) only.\n"
        )
    return None


def is_cross_site(headers: Headers) -> bool:
    """Whether a browser says that another site's page is asking: it could only take a live stream from somebody."""
    return dict(headers).get(b"sec-fetch-site", b"same-origin") not in {b"same-origin", b"none"}


def _name(host: str) -> str:
    """The name without its port, in lower case and without the root's dot; empty where there is none."""
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
