"""Lists objects page by page, up to a bound, so that no answer of an API server exhausts the memory."""

from typing import Generic, Self, TypeVar

from krt.cluster.selection import EVERYTHING, Selection
from krt.cluster.transport import AnswerTooLarge, Transport, decoded
from krt.cluster.wire import ListPage, Reader, read_version
from krt.core.kube.resource import Resource
from krt.errors import ClusterUnavailable

T = TypeVar("T")

PAGE_ITEMS = 250  # decoding a page in one piece blocks the loop for 2 to 4 ms
MOST_OBJECTS = 100_000  # asked for in all pages together
_PAGE_SECONDS = 60.0  # for a page: a busy server may need long
_MOST_PAGE_BYTES = 16 * 1024 * 1024  # uncompressed; 250 Deployments have 2 MiB
# Occurrences of the field `metadata`: an object has two or a few. Decoding 16 MiB of empty objects takes 400 MB.
_MOST_PAGE_METADATA = 20 * PAGE_ITEMS
_MOST_TOKEN_CHARACTERS = 16 * 1024  # an API server's token has some hundred characters, and travels in a URL


async def list_page(
    transport: Transport,
    reader: Reader[T],
    namespace: str | None,
    continue_token: str | None,
    *,
    selection: Selection = EVERYTHING,
    at_once: int = PAGE_ITEMS,
) -> ListPage[T]:
    """One page of a list, for which `at_once` objects are asked for. Raises the errors of Transport.call.

    Among them are VersionExpired if the token is too old, and AnswerTooLarge, also if there are too many objects.
    """
    params = {"limit": str(at_once)} | ({"continue": continue_token} if continue_token else {}) | selection.params()
    # The API server compresses answers above 128 KiB, and no watch.
    headers = {"Accept": reader.form.page, "Accept-Encoding": "gzip"}
    path = reader.resource.collection_path(namespace)
    body = await transport.call(
        "GET", path, params=params, headers=headers, seconds=_PAGE_SECONDS, most_bytes=_MOST_PAGE_BYTES
    )
    if body.count(b'"metadata"') > _MOST_PAGE_METADATA:
        raise AnswerTooLarge("the answer holds more objects than were asked for")
    return decoded(reader.page, body)


async def newest_version(transport: Transport, resource: Resource, namespace: str | None) -> str:
    """The resource version of a list that is made now. A change from before the call never has a later version.

    Raises the errors of Transport.call.
    """
    body = await transport.call("GET", resource.collection_path(namespace), params={"limit": "1"})
    return decoded(read_version, body)


class ListTooLong(ClusterUnavailable):
    """The list has not ended within the bounds of this module."""


class Pages(Generic[T]):
    """`async for page in Pages(…)` gives all pages of a list. Raises the errors of `list_page`, and ListTooLong.

    If a page is too large, krt asks for fewer objects. This is an iterator and not an async generator, because an error
    in the consumer's loop would leave a generator unclosed.
    """

    def __init__(
        self,
        transport: Transport,
        reader: Reader[T],
        namespace: str | None,
        selection: Selection = EVERYTHING,
    ) -> None:
        self._transport = transport
        self._reader = reader
        self._namespace = namespace
        self._selection = selection
        self._token: str | None = None
        self._is_over = False
        self._at_once = PAGE_ITEMS
        self._asked_for = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ListPage[T]:
        if self._is_over:
            raise StopAsyncIteration
        if self._asked_for >= MOST_OBJECTS:
            raise ListTooLong(f"{self} has not ended after {MOST_OBJECTS} objects")
        page = await self._page()
        self._check(page.continue_token)
        self._asked_for += self._at_once
        self._token, self._is_over = page.continue_token, not page.continue_token
        return page

    async def _page(self) -> ListPage[T]:
        while True:
            try:
                return await list_page(
                    self._transport,
                    self._reader,
                    self._namespace,
                    self._token,
                    selection=self._selection,
                    at_once=self._at_once,
                )
            except AnswerTooLarge:
                if self._at_once == 1:
                    raise
                self._at_once = max(1, self._at_once // 8)

    def _check(self, token: str | None) -> None:
        if token and token == self._token:
            raise ListTooLong(f"{self} goes on with the same continue token for ever")
        if token and len(token) > _MOST_TOKEN_CHARACTERS:
            raise ListTooLong(f"{self} has a continue token of {len(token)} characters")

    def __str__(self) -> str:
        return f"the list of {self._reader.resource.plural}"
