"""The pages of one list, to its end or to a bound: what an API server sends is no reason to run out of memory."""

from typing import Self

from krt.cluster.api import PAGE_ITEMS, AnswerTooLarge, Api
from krt.cluster.wire import Page
from krt.core.resource import Resource
from krt.errors import ClusterUnavailable

MOST_OBJECTS = 100_000  # asked for, in all pages together
_MOST_TOKEN_CHARACTERS = 16 * 1024  # the API server's own have some hundred; it travels in a URL


class ListTooLong(ClusterUnavailable):
    """The list does not end within the bounds."""


class Pages:
    """`async for page in Pages(…)`: raises what Api.list_page raises, and ListTooLong.

    Where a page is too large, fewer objects are asked for at a time. An iterator and no generator, which a consumer's
    error would leave unclosed.
    """

    def __init__(self, api: Api, resource: Resource, namespace: str | None) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._token: str | None = None
        self._is_over = False
        self._at_once = PAGE_ITEMS
        self._asked_for = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page:
        if self._is_over:
            raise StopAsyncIteration
        if self._asked_for >= MOST_OBJECTS:
            raise ListTooLong(f"the list of {self._resource.plural} has not ended after {MOST_OBJECTS} objects")
        page = await self._page()
        self._check(page.continue_token)
        self._asked_for += self._at_once
        self._token, self._is_over = page.continue_token, not page.continue_token
        return page

    async def _page(self) -> Page:
        while True:
            try:
                return await self._api.list_page(self._resource, self._namespace, self._token, at_once=self._at_once)
            except AnswerTooLarge:
                if self._at_once == 1:
                    raise
                self._at_once = max(1, self._at_once // 8)

    def _check(self, token: str | None) -> None:
        if token and token == self._token:
            raise ListTooLong(f"the list of {self._resource.plural} goes on with the same continue token for ever")
        if token and len(token) > _MOST_TOKEN_CHARACTERS:
            raise ListTooLong(f"the list of {self._resource.plural} has a continue token of {len(token)} characters")
