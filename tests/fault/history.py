"""Records the real changes of the Deployments, by the test's own watch, which uses no proxy."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import trio

from krt.core.announce.event_id import parse
from tests.apiserver.control_plane import ControlPlane
from tests.fault.model import Restart

RETRY_SECONDS = 0.2
RESTARTED_AT, MARK = "kubectl.kubernetes.io/restartedAt", "krt/event"


class History:
    """`restarts` of each Deployment, oldest first. `generations` counts all changes of its template, seen or not."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.restarts: defaultdict[str, list[Restart]] = defaultdict(list)
        self.generations: dict[str, int] = {}
        self.wrongs: list[str] = []
        self._control_plane = control_plane
        self._path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._version = ""

    async def follow(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch for ever, also while the API server restarts."""
        async with self._control_plane.admin_client() as client:
            await self.list(client)
            task_status.started()
            while True:
                try:
                    if not self._version:
                        await self.list(client)
                    await self._watch(client)
                except httpx.TransportError:
                    await trio.sleep(RETRY_SECONDS)

    async def list(self, client: httpx.AsyncClient) -> None:
        answer = (await client.get(self._path)).raise_for_status().json()
        for each in answer["items"]:
            self._take(each)
        self._version = answer["metadata"]["resourceVersion"]

    async def _watch(self, client: httpx.AsyncClient) -> None:
        asked = {"watch": 1, "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        async with client.stream("GET", self._path, params=asked, timeout=None) as answer:
            if not answer.is_success:  # 403 or 503 by a server that has just started
                await trio.sleep(RETRY_SECONDS)
                return
            async with _lines(answer) as lines:
                async for line in lines:
                    change = json.loads(line)
                    if change["type"] == "ERROR":
                        self._version = ""
                        return
                    self._version = change["object"]["metadata"]["resourceVersion"]
                    if change["type"] != "BOOKMARK":
                        self._take(change["object"])

    def _take(self, deployment: dict[str, Any]) -> None:
        metadata, annotations = deployment["metadata"], deployment["metadata"].get("annotations", {})
        name = metadata["name"]
        self.generations[name] = metadata["generation"]
        restarted_at = deployment["spec"]["template"]["metadata"].get("annotations", {}).get(RESTARTED_AT)
        if restarted_at is None:
            return
        restart = _restart(restarted_at, annotations[MARK])
        if not self.restarts[name] or self.restarts[name][-1] != restart:
            self.restarts[name].append(restart)


def _restart(restarted_at: str, mark: str) -> Restart:
    journal, covers, marked_at = mark.split(" ")
    return Restart(_seconds(restarted_at), journal, parse(covers), _seconds(marked_at))


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


@asynccontextmanager
async def _lines(answer: httpx.Response) -> AsyncIterator[AsyncIterator[str]]:
    lines = answer.aiter_lines()
    try:
        yield lines
    finally:
        with trio.CancelScope() as scope:  # httpx does not close its generators when it is cancelled
            scope.cancel()
            async for _ in lines:
                pass
