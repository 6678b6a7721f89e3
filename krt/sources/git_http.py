"""git over https: the calls of one fetch, each bounded, and only to the repository of the address."""

from collections.abc import Mapping

import httpx
import trio

import krt
from krt.core.bundle.tree import MOST_BYTES
from krt.secret import Secret
from krt.sources.errors import SourceDenied, SourceRefused
from krt.sources.exchange import SourceAnswer, check_busy, client_for, exchange, same_origin
from krt.sources.git_address import HttpAddress
from krt.sources.git_client import MOST_REFS_BYTES, FetchedPack, HttpPackClient, HttpReply, Wanted, fetch_pack
from krt.sources.redirects import follow, location_of
from krt.sources.way import Way, check_url

_SERVICE = "git-upload-pack"
_REFS = f"info/refs?service={_SERVICE}"
_AGENT = f"git/krt-{krt.__version__}"  # GitHub speaks git at a URL without `.git` only to agents that begin so


async def fetch_by_http(
    address: HttpAddress, wanted: Wanted, authorization: Secret | None, way: Way, *, insecure: bool
) -> FetchedPack:
    """Fetch the pack. Raises SourceRefused, SourceDenied and SourceUnavailable."""
    async with client_for(way.verify, way.proxies, insecure=insecure) as http:
        calls = _Calls(http, address, authorization)
        client = HttpPackClient(str(address), lambda *asked: trio.from_thread.run(calls.ask, *asked))
        return await trio.to_thread.run_sync(fetch_pack, client, address.host, "", wanted)


class _Calls:
    """Asks for the references, following redirects, and then for the pack, where the references were found."""

    def __init__(self, http: httpx.AsyncClient, address: HttpAddress, authorization: Secret | None) -> None:
        self._http = http
        self._address = address
        self._authorization = authorization
        self._base = httpx.URL(f"{address}/")

    async def ask(self, url: str, headers: Mapping[str, str], content: bytes) -> HttpReply:
        """One call of dulwich. Raises SourceRefused for a URL that is not the repository's."""
        if url == f"{self._base}{_REFS}" and not content:
            answer = await self._references(headers)
            kind = f"application/x-{_SERVICE}-advertisement"
        elif url == f"{self._base}{_SERVICE}":
            answer = self._judged(await self._exchange("POST", httpx.URL(url), MOST_BYTES, headers, content))
            kind = f"application/x-{_SERVICE}-result"
        else:
            raise SourceRefused(f"{self._address.host} leads to another URL than the repository's")
        if answer.headers.get("Content-Type", "") != kind:
            raise SourceRefused(
                f"{self._address.host} has no git repository there that it serves by the smart protocol"
            )
        moved = "" if str(answer.url) == url else str(answer.url)
        return HttpReply(answer.body, kind, moved)

    async def _references(self, headers: Mapping[str, str]) -> SourceAnswer:
        async def ask(url: httpx.URL) -> SourceAnswer:
            return await self._exchange("GET", url, MOST_REFS_BYTES, headers, b"")

        answer = await follow(httpx.URL(f"{self._base}{_REFS}"), ask, self._location, self._address.host)
        self._base = httpx.URL(str(answer.url).removesuffix(_REFS))
        return self._judged(answer)

    def _location(self, answer: SourceAnswer) -> httpx.URL:
        url = location_of(answer, self._address.host)
        check_url(url, may_be_plain=answer.url.scheme == "http")
        if not str(url).endswith(f"/{_REFS}") or url.userinfo:
            raise SourceRefused(f"{self._address.host} redirects to something that is not a repository")
        return url

    async def _exchange(
        self, method: str, url: httpx.URL, most_bytes: int, headers: Mapping[str, str], content: bytes
    ) -> SourceAnswer:
        sent = {**headers, "User-Agent": _AGENT}
        if self._authorization and same_origin(url, self._address.url):
            sent["Authorization"] = self._authorization.reveal()
        return await exchange(self._http, method, url, most_bytes=most_bytes, headers=sent, content=content)

    def _judged(self, answer: SourceAnswer) -> SourceAnswer:
        check_busy(answer, self._address.host)
        if answer.status in {401, 403}:
            who = "these credentials" if self._authorization else "anybody without credentials"
            raise SourceDenied(f"{self._address.host} does not let {who} read {self._address} (status {answer.status})")
        if answer.status != 200:
            raise SourceRefused(f"{self._address.host} has no repository {self._address} (status {answer.status})")
        return answer
