"""Twelve minutes of a BundleDeployment whose content does not change: the controller writes nothing.

No test of the suite: it takes its twelve minutes. In that time each full look (every 9 to 11 minutes) happens at least
once. Print the figure by

    pytest -s tests/controller/quiet.py
"""

import time
from collections import Counter
from pathlib import Path

import pytest
import trio

from krt.core.bundle.pack import pack
from tests.apiserver.kubelet import open_kubelet
from tests.controller.desk import Desk
from tests.controller.own_process import open_controller
from tests.controller.sources import files_of
from tests.controller.whole import whole
from tests.fakes.https_proxy import HttpsProxy
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = [pytest.mark.apiserver, pytest.mark.registry]

SECONDS = 720.0


async def test_unchanged_content_is_not_written(
    desk: Desk, api_proxy: HttpsProxy, registry: RegistryServer, tmp_path: Path
) -> None:
    ref = f"{registry.host}/{desk.namespace}:main"
    await pushed(ref, pack(files_of(*whole(desk))))
    async with open_controller(desk.server, desk.namespace, tmp_path, "bundles", proxy=api_proxy) as krt:
        await krt.wait_ready()
        async with open_kubelet(desk.server.client, f"{desk.namespace}-shop"):
            await desk.deploy(ref)
            await desk.until_installed()
            await trio.sleep(10)
            api_proxy.faults.requests.clear()
            began = time.monotonic()
            await trio.sleep(SECONDS)
        asked = [str(each) for each in api_proxy.faults.requests]
        print(f"\nin {time.monotonic() - began:.0f} s: {Counter(map(_kind, asked))}")
        print("\n".join(sorted({each.partition("?")[0] for each in asked})))
        assert krt.process.running
        assert [each for each in asked if _is_write(each)] == []


def _kind(request: str) -> str:
    method = request.partition(" ")[0]
    return f"{method} of the Lease" if "/leases/" in request else method


def _is_write(request: str) -> bool:
    return not request.startswith("GET") and "/leases/" not in request and "/selfsubjectreviews" not in request
