"""Bundles that krt refuses, of each source and class: Failing with a sentence, and krt goes on within its memory."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controller.asking import ask, ended, image, problem, store
from tests.controller.desk import Desk
from tests.controller.hostile_bundles import (
    MANIFEST,
    Row,
    archives_by_url,
    images,
    lying_repositories,
    repositories,
)
from tests.controller.own_process import megabytes_of, open_controller
from tests.fault.krt_process import Krt
from tests.gitserver.http import git_http
from tests.gitserver.repository import Repository
from tests.sources.hostile import hostile_registry
from tests.sources.images import a_layer, manifest_of

pytestmark = pytest.mark.apiserver

# The container of the manifests has 512 MiB for two fetches at a time; here is one. Seen: 307 MB.
MOST_MEGABYTES = 400


@pytest.fixture
async def krt(desk: Desk, tmp_path: Path) -> AsyncIterator[Krt]:
    """The controller, as a process of its own."""
    async with open_controller(desk.server, desk.namespace, tmp_path, "bundles") as krt:
        await krt.wait_ready()
        yield krt


async def test_what_is_no_bundle_is_failing_with_a_sentence_and_memory_is_bounded(
    desk: Desk, krt: Krt, repository: Repository
) -> None:
    """No login reaches the host to which a server redirects."""
    login = {"username": "robot", "password": "hunter2"}
    async with (
        hostile_registry() as server,
        hostile_registry() as elsewhere,
        git_http(repository.folder.parent) as git_server,
    ):
        await store(desk, "login", {name: value.encode() for name, value in login.items()})
        await store(desk, "pull", {".dockerconfigjson": json.dumps({"auths": {server.host: login}}).encode()})
        for row in (
            *images(server, elsewhere, "pull"),
            *archives_by_url(server, elsewhere, "login"),
            *repositories(repository, f"{git_server.url}/bundle.git"),
            *lying_repositories(server, elsewhere, "login"),
        ):
            await check(desk, row)
        good = a_layer(settings_yaml=MANIFEST)
        server.has(manifest_of([good]), good, tag="good")
        await ask(desk, "good", image(f"{server.host}/acme/bundle:good"))
        assert (await ended(desk, "good"))["phase"] == "Unpacked"
        assert {asked.path for asked in elsewhere.asked} == {"/blob", "/moved.tgz", "/moved.git/info/refs"}
        assert not any("authorization" in asked.headers for asked in elsewhere.asked)
        assert krt.process.running
        assert megabytes_of(krt, "VmHWM") < MOST_MEGABYTES


async def check(desk: Desk, row: Row) -> None:
    await ask(desk, row.name, row.source, row.provisioner)
    said = await problem(desk, row.name)
    assert row.said in said, (row.name, said)
    assert said.isprintable()
    assert "hunter2" not in said
