"""Somebody else who writes to the Deployments all the time: what krt decided on may have changed before its patch."""

import itertools
import json
import random
from collections.abc import Sequence

import httpx
import trio

from krt.http import Outgoing
from tests.apiserver.control_plane import ControlPlane
from tests.fault.places import Place

EDIT = "test/edit"  # a label: of Deployments an annotation counts as another generation
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.2


class Editor:
    """Knows its last edit of each Deployment, and the last one of all, which may have been cut short."""

    def __init__(self, control_plane: ControlPlane, namespace: str, places: Sequence[Place], seed: int) -> None:
        self.edits: dict[str, str] = {}
        self._last: tuple[str, str | None] = ("", None)
        self._control_plane = control_plane
        self._path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._places = places
        self._source = random.Random(seed)

    async def edit(self) -> None:
        """For ever, through all ends of the API server."""
        async with self._control_plane.admin_client() as client:
            for number in itertools.count():
                self._last = name, edit = self._source.choice(self._places).name, str(number)
                await self._write(client, name, edit)
                self.edits[name] = edit
                await trio.sleep(PAUSE_SECONDS)

    async def _write(self, client: httpx.AsyncClient, name: str, edit: str) -> None:
        body = json.dumps({"metadata": {"labels": {EDIT: edit}}}).encode()
        headers = {"Content-Type": "application/merge-patch+json"}
        while True:
            request = client.build_request("PATCH", f"{self._path}/{name}", content=body, headers=headers)
            request.stream = Outgoing(body)  # httpx's own stays unclosed where the connection breaks
            try:
                if (await client.send(request)).is_success:
                    return
            except httpx.TransportError:
                pass
            await trio.sleep(RETRY_SECONDS)

    async def lost(self) -> list[str]:
        """Which edits are there no more, a sentence each."""
        async with self._control_plane.admin_client() as client:
            answer = (await client.get(self._path)).raise_for_status().json()
        found = {item["metadata"]["name"]: item["metadata"].get("labels", {}).get(EDIT) for item in answer["items"]}
        lost = {name: edit for name, edit in self.edits.items() if found[name] != edit}
        return [f"{name}: its edit {edit} is lost" for name, edit in lost.items() if (name, found[name]) != self._last]
