"""Bundles of every source, on the real API server: what their status says, from real registries and git servers.

The servers that lie are of the tests' own. Each refusal is one sentence, and krt goes on.
"""

import json

import pytest

from krt.core.bundle.pack import digest_of, pack
from krt.core.kube.fields import text_at
from tests.controller.asking import ask, config_maps, ended, git, http, image, problem, store
from tests.controller.desk import Desk
from tests.gitserver.http import git_http
from tests.gitserver.repository import Repository
from tests.gitserver.ssh import SshServer, ssh_server
from tests.registry.server import RegistryServer
from tests.sources.hostile import HostileRegistry, Reply, hostile_registry
from tests.sources.images import a_layer, gzipped, manifest_of, tar_of
from tests.sources.pulling import pushed

MANIFEST = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
FILES = {"manifests/settings.yaml": MANIFEST}
MIB = 1024 * 1024


async def test_an_image_is_unpacked_by_tag_and_by_digest(real: Desk, registry: RegistryServer) -> None:
    name, packed = f"{registry.host}/acme/{real.namespace}", pack(FILES)
    await pushed(f"{name}:main", packed)
    async with real.running():
        await ask(real, "tag", image(f"{name}:main"))
        await ask(real, "digest", image(f"{name}@{packed.digest}"))
        for bundle in ("tag", "digest"):
            status = await ended(real, bundle)
            assert status["phase"] == "Unpacked"
            assert status["resolvedSource"]["image"]["ref"] == f"{name}@{packed.digest}"
            assert status["contentURL"] == f"oci://{name}@{packed.digest}"


async def test_git_is_unpacked_by_branch_tag_and_commit(real: Desk, repository: Repository) -> None:
    old = repository.commit(FILES)
    repository.tag("v1", old, annotated=True)
    new = repository.commit({"bundle/manifests/settings.yaml": MANIFEST, **FILES})
    async with git_http(repository.folder.parent) as server, real.running():
        url = f"{server.url}/bundle.git"
        await ask(real, "branch", git(url, branch="main"))
        await ask(real, "tag", git(url, tag="v1"))
        await ask(real, "commit", git(url, commit=old))
        await ask(real, "directory", git(url, "./bundle", branch="main"))
        for bundle, commit in (("branch", new), ("tag", old), ("commit", old), ("directory", new)):
            status = await ended(real, bundle)
            assert (status["phase"], status["resolvedSource"]["git"]["ref"]) == ("Unpacked", {"commit": commit})
            assert status["contentURL"] == f"git+{url}#{commit}{':bundle' if bundle == 'directory' else ''}"
        await ask(real, "absent", git(url, branch="absent"))
        assert await problem(real, "absent") == "127.0.0.1 has no refs/heads/absent"


async def test_git_over_ssh_takes_key_and_host_keys_from_the_secret(
    real: Desk, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit = repository.commit(FILES)
    with ssh_server(tmp_path_factory.mktemp("ssh") / "sshd") as server:
        await store_login(real, server)
        async with real.running():
            await ask(real, "ssh", git(server.url(repository.folder), secret="login", branch="main"))
            assert (await ended(real, "ssh"))["resolvedSource"]["git"]["ref"] == {"commit": commit}
            await ask(real, "none", git(server.url(repository.folder), secret="absent", branch="main"))
            assert await problem(real, "none") == f"there is no Secret absent in the namespace {real.namespace}"


async def store_login(desk: Desk, server: SshServer) -> None:
    await store(desk, "login", {"ssh-privatekey": server.key, "ssh-knownhosts": server.known_hosts})


async def test_an_archive_and_config_maps_are_unpacked(real: Desk) -> None:
    archive = gzipped(tar_of(("manifests/settings.yaml", MANIFEST)))
    for name, is_immutable in (("one", True), ("two", False)):
        fixed = real.config_map(name, **{"settings.yaml": MANIFEST.decode()})
        await real.server.apply({**fixed, "immutable": is_immutable})
    async with hostile_registry() as server, real.running():
        server.replies["GET /x.tgz"] = Reply(body=archive)
        await ask(real, "http", http(f"http://{server.host}/x.tgz"))
        await ask(real, "none", http(f"http://{server.host}/none.tgz"))
        assert (await ended(real, "http"))["contentURL"] == f"http://{server.host}/x.tgz#{digest_of(archive)}"
        assert await problem(real, "none") == f'http://{server.host}/none.tgz: unexpected status "404 Not Found"'
        for name in ("one", "two"):
            await ask(real, name, config_maps(name))
        assert (await ended(real, "one"))["contentURL"] == f"configmaps:one#{pack(FILES).digest}"
        assert await problem(real, "two") == 'configmap "two" is not immutable'


def serve(server: HostileRegistry, tag: str, layer: bytes) -> None:
    server.has(manifest_of([layer]), layer, tag=tag)


async def test_the_seeds_reference_is_accepted_by_the_server_and_failing(real: Desk) -> None:
    async with real.running():
        await ask(real, "seed", image("my-bundle@sha256:xyz123"))
        assert (await problem(real, "seed")).startswith("could not parse reference: ")
        status = await ended(real, "seed")
        assert text_at(status, "contentURL") == ""


async def test_a_pull_secret_is_read(real: Desk) -> None:
    async with hostile_registry() as server:
        layer = a_layer(settings_yaml=MANIFEST)
        serve(server, "main", layer)
        config = {"auths": {server.host: {"username": "robot", "password": "hunter2"}}}
        await store(real, "pull", {".dockerconfigjson": json.dumps(config).encode()})
        server.replies["GET /v2/acme/bundle/manifests/main"] = Reply(
            401, headers={"WWW-Authenticate": 'Basic realm="x"'}
        )
        async with real.running():
            await ask(real, "private", image(f"{server.host}/acme/bundle:main", pullSecret="pull"))
            said = await problem(real, "private")
        assert said == f"{server.host} does not allow this for {server.host}/acme/bundle (status 401)"
        assert server.asked[-1].headers["authorization"].startswith("Basic ")
