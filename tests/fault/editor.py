"""Another user who edits the Deployments all the time, so that a Deployment may change between krt's read and patch."""

import itertools
import json
import random
from collections.abc import Sequence

import httpx
import trio

from krt.http import Outgoing
from tests.apiserver.control_plane import ControlPlane
from tests.fault.places import Place

EDIT = "test/edit"  # a label, because an annotation would raise a Deployment's generation
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.2


class Editor:
    """The user. It remembers its last edit of each Deployment, and its very last edit, which may have been cut off."""

    def __init__(self, control_plane: ControlPlane, namespace: str, places: Sequence[Place], seed: int) -> None:
        self.edits: dict[str, str] = {}
        self._last: tuple[str, str | None] = ("", None)
        self._control_plane = control_plane
        self._path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self._places = places
        self._source = random.Random(seed)

    async def edit(self) -> None:
        """Edit for ever, also while the API server restarts."""
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
            request.stream = Outgoing(body)  # httpx's own stream is not closed if the connection breaks
            try:
                if (await client.send(request)).is_success:
                    return
            except httpx.TransportError:
                pass
            await trio.sleep(RETRY_SECONDS)

    async def lost(self) -> list[str]:
        """The lost edits, one sentence each."""
        async with self._control_plane.admin_client() as client:
            answer = (await client.get(self._path)).raise_for_status().json()
        found = {item["metadata"]["name"]: item["metadata"].get("labels", {}).get(EDIT) for item in answer["items"]}
        lost = {name: edit for name, edit in self.edits.items() if found[name] != edit}
        return [f"{name}: its edit {edit} is lost" for name, edit in lost.items() if (name, found[name]) != self._last]
