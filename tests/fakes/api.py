"""An API server for Deployments, in memory, with the interface of krt's transport: pages, watches and errors."""

import json
import math
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio


class FakeApi:
    """Each page holds one object and takes `page_seconds`. `silent` watches send nothing, not even bookmarks."""

    def __init__(self, *documents: dict[str, Any], bookmark_seconds: float = 60.0) -> None:
        self.version = 1000
        self.documents: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.page_seconds = 0.0
        self.silent = False
        self._bookmark_seconds = bookmark_seconds
        self._errors: dict[tuple[str, str | None], deque[Exception]] = {}
        self._watches: list[tuple[str | None, trio.MemorySendChannel[bytes]]] = []
        self._history: list[tuple[int, str, bytes]] = []
        self._snapshot: list[dict[str, Any]] = []
        for document in documents:
            self.put(document)

    def put(self, document: dict[str, Any]) -> None:
        """Create or change an object."""
        name = document["metadata"]["name"]
        self._change("MODIFIED" if name in self.documents else "ADDED", document)
        self.documents[name] = document

    def delete(self, name: str) -> None:
        self._change("DELETED", self.documents.pop(name))

    def refuse(self, call: str, *errors: Exception, namespace: str | None = None) -> None:
        """Let the next "list" or "watch" calls raise these errors in turn. The last error stays."""
        self._errors[call, namespace] = deque(errors)

    def relent(self) -> None:
        self._errors.clear()

    def end_watches(self) -> None:
        """End the open watches as their timeout does."""
        while self._watches:
            self._watches.pop()[1].close()

    async def call(self, _method: str, path: str, *, params: Mapping[str, str], **_: Any) -> bytes:
        """One page of a list. No other call is supported."""
        await trio.sleep(self.page_seconds)
        namespace, token = _namespace(path), params.get("continue")
        if token is None:
            self._answer("list", namespace)
            self._snapshot = [json.loads(json.dumps(each)) for each in self._of(namespace)]
        number = int(token or 0)
        more = {"continue": str(number + 1)} if number + 1 < len(self._snapshot) else {}
        page = {
            "metadata": {"resourceVersion": str(self.version), **more},
            "items": self._snapshot[number : number + 1],
        }
        return json.dumps(page).encode()

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str], **_: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        namespace, version = _namespace(path), params["resourceVersion"]
        await trio.lowlevel.checkpoint()
        self._answer("watch", namespace)
        sender, receiver = trio.open_memory_channel[bytes](math.inf)
        self._watches.append((namespace, sender))
        for number, place, line in self._history:
            if number > int(version) and namespace in {None, place}:
                sender.send_nowait(line)
        yield self._lines(receiver)

    async def _lines(self, changes: trio.MemoryReceiveChannel[bytes]) -> AsyncIterator[bytes]:
        while True:
            line = _line("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})
            with trio.move_on_after(self._bookmark_seconds):
                try:
                    line = await changes.receive()
                except trio.EndOfChannel:
                    return
            if not self.silent:
                yield line

    def _of(self, namespace: str | None) -> list[dict[str, Any]]:
        return [each for each in self.documents.values() if namespace in {None, each["metadata"]["namespace"]}]

    def _answer(self, call: str, namespace: str | None) -> None:
        self.calls[call] += 1
        if errors := self._errors.get((call, namespace)):
            raise errors.popleft() if len(errors) > 1 else errors[0]

    def _change(self, what: str, document: dict[str, Any]) -> None:
        self.version += 1
        document["metadata"]["resourceVersion"] = str(self.version)
        place, line = document["metadata"]["namespace"], _line(what, document)
        self._history.append((self.version, place, line))
        for namespace, watch in self._watches:
            if namespace in {None, place}:
                watch.send_nowait(line)


def _namespace(path: str) -> str | None:
    found = re.search("/namespaces/([^/]+)/", path)
    return found[1] if found else None


def _line(what: str, document: dict[str, Any]) -> bytes:
    return json.dumps({"type": what, "object": document}).encode()
