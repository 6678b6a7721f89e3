"""Follows the redirects of a source's server. What a redirect may lead to is for the caller to say."""

from collections.abc import Awaitable, Callable

import httpx

from krt.sources.errors import SourceRefused
from krt.sources.exchange import SourceAnswer

_MOST = 5
_STATUSES = {301, 302, 303, 307, 308}


async def follow(
    url: httpx.URL,
    ask: Callable[[httpx.URL], Awaitable[SourceAnswer]],
    locate: Callable[[SourceAnswer], httpx.URL],
    host: str,
) -> SourceAnswer:
    """The first answer to `ask` that is not a redirect. `locate` gives the URL of one, or refuses it.

    Raises SourceRefused, which names `host`, after five redirects.
    """
    for _ in range(_MOST):
        answer = await ask(url)
        if answer.status not in _STATUSES:
            return answer
        url = locate(answer)
    raise SourceRefused(f"{host} redirects more than {_MOST} times")


def location_of(answer: SourceAnswer, host: str) -> httpx.URL:
    """The URL that a redirect names. Raises SourceRefused, which names `host`, if that is not a URL."""
    try:
        return answer.url.join(answer.location)
    except httpx.InvalidURL:
        raise SourceRefused(f"{host} redirects to something that is not a URL") from None
