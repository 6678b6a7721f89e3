"""A controller of BundleDeployments for tests of the worker. It installs nothing, and writes the status it is told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.apiserver.bundles import API_VERSION, image
from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer

DIGEST = "sha256:" + "0123456789abcdef" * 4
COLLECTION = f"/apis/{API_VERSION}/bundledeployments"
_LOOK_SECONDS = 0.05


class BundleController:
    """Handles every announcement well unless `problems` has the message of a condition that does not hold."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self.problems: dict[str, str] = {}  # by condition, such as {"Healthy": "Deployment shop/web: not ready"}
        self.is_away = False

    async def run(self) -> None:
        while True:
            for each in () if self.is_away else (await self._server.request("GET", COLLECTION))["items"]:
                announced = each["metadata"].get("annotations", {}).get("krt/announced")
                if announced and announced != each.get("status", {}).get("handled"):
                    await self._write(each, announced)
            await trio.sleep(_LOOK_SECONDS)

    async def _write(self, document: Object, announced: str) -> None:
        name, generation = document["metadata"]["name"], document["metadata"]["generation"]
        ref = document["spec"]["template"]["spec"]["source"]["image"]["ref"]
        status = {
            "handled": announced,
            "resolvedSource": image(f"{ref.rpartition(':')[0]}@{DIGEST}"),
            "conditions": [self._condition(kind, generation) for kind in ("HasValidBundle", "Installed", "Healthy")],
        }
        await self._server.kubectl(
            "patch", "bd", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})
        )

    def _condition(self, kind: str, generation: int) -> Object:
        problem = self.problems.get(kind)
        return {
            "type": kind,
            "status": "False" if problem else "True",
            "reason": "Failed" if problem else "Succeeded",
            "message": problem or "",
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }


@asynccontextmanager
async def open_bundle_controller(server: ApiServer) -> AsyncIterator[BundleController]:
    """One at work until the body ends."""
    controller = BundleController(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.run)
        yield controller
        nursery.cancel_scope.cancel()
