"""The header WWW-Authenticate of a registry. Pure.

Form: RFC 9110, section 11.6.1; the parameters are those of the distribution specification, token authentication.
"""

import re
from dataclasses import dataclass

_MOST = 8192
_PARAMETER = re.compile(r'\s*([A-Za-z_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Challenge:
    """How to authenticate at a registry. `scheme` is in lower case; `realm` and `service` are "" if absent."""

    scheme: str
    realm: str = ""
    service: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """The first challenge in the header's value; None if it is neither Bearer nor Basic."""
    scheme, _, rest = header[:_MOST].strip().partition(" ")
    if scheme.lower() not in {"bearer", "basic"}:
        return None
    found: dict[str, str] = {}
    at = 0
    while match := _PARAMETER.match(rest, at):
        found.setdefault(match[1].lower(), re.sub(r"\\(.)", r"\1", match[2] or "") or match[3] or "")
        at = match.end()
    return Challenge(scheme.lower(), found.get("realm", ""), found.get("service", ""))
