"""How sources are reached, and which URLs krt calls for them: https, or plain http on this machine.

krt calls no link-local address, even if a name leads to it.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import trio

from krt.proxies import Proxies
from krt.sources.errors import SourceRefused, SourceUnavailable
from krt.sources.reference import is_link_local, is_loopback

AT_ONCE = 2  # a bundle under way has up to 64 MiB packed and 64 MiB unpacked
SECONDS = 300.0


class LeadsToLinkLocal(SourceRefused):
    """The name of a server leads to a link-local address."""

    def __init__(self) -> None:
        super().__init__("the server's name leads to a link-local address, which krt never calls")


@dataclass(frozen=True, slots=True)
class Way:
    """How sources are reached: `verify` is the TLS context, also for https:// proxies."""

    verify: ssl.SSLContext
    proxies: Proxies
    _turns: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(AT_ONCE))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Two such blocks run at a time, the others wait. Raises SourceUnavailable if one takes five minutes."""
        async with self._turns:
            try:
                with trio.fail_after(SECONDS):
                    yield
            except trio.TooSlowError:
                raise SourceUnavailable(f"the source has not sent the bundle within {SECONDS:g} s") from None


def check_url(url: httpx.URL, *, may_be_plain: bool) -> None:
    """Raises SourceRefused. `may_be_plain` allows http to this machine."""
    if is_link_local(url.host):
        raise SourceRefused(f"{url.host} is a link-local address, which krt never calls")
    if url.scheme == "https" or (url.scheme == "http" and may_be_plain and is_loopback(url)):
        return
    raise SourceRefused(f"a URL of {url.host or 'no host'} is not https, and krt does not call it")


async def watched(event: str, info: dict[str, object]) -> None:
    """httpcore's trace: looks at the address of a new connection before anything is sent on it.

    The address of a name is known only now. Raises SourceRefused for a link-local one.
    """
    if event != "connection.connect_tcp.complete":
        return
    stream = info["return_value"]
    address = stream.get_extra_info("server_addr")  # type: ignore[attr-defined]  # httpcore.AsyncNetworkStream
    if address and is_link_local(str(address[0])):
        await stream.aclose()  # type: ignore[attr-defined]
        raise LeadsToLinkLocal
