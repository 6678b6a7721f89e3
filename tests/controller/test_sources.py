"""Bundles of every source, on the real API server: what their status says, from real registries and git servers.

The servers that lie are of the tests' own. Each refusal is one sentence, and krt goes on.
"""

import gzip
import json
import tarfile
import tracemalloc
from collections.abc import Mapping
from typing import Any, cast

import pytest

from krt.core.bundle.pack import digest_of, pack
from krt.core.kube.fields import conditions_of, text_at
from tests.apiserver.bundles import PLAIN
from tests.controller.desk import GROUP, Desk
from tests.controller.sources import Images
from tests.fakes.polling import until_on_wall_clock
from tests.gitserver.http import git_http
from tests.gitserver.repository import Repository
from tests.gitserver.ssh import SshServer, ssh_server
from tests.registry.server import RegistryServer
from tests.sources.fetching import a_fetcher
from tests.sources.hostile import ENDLESS, HostileRegistry, Reply, hostile_registry
from tests.sources.images import a_layer, gzipped, manifest_of, special, tar_of
from tests.sources.pulling import pushed

MANIFEST = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
FILES = {"manifests/settings.yaml": MANIFEST}
MIB = 1024 * 1024


@pytest.fixture
def real(desk: Desk) -> Desk:
    """Its controller fetches from real places."""
    desk.images = cast("Images", a_fetcher())
    return desk


async def ask(desk: Desk, name: str, source: Mapping[str, object]) -> None:
    body = {"apiVersion": "core.rukpak.io/v1alpha1", "kind": "Bundle", "metadata": {"name": f"{desk.namespace}-{name}"}}
    await desk.server.apply({**body, "spec": {"provisionerClassName": PLAIN, "source": source}})


async def ended(desk: Desk, name: str) -> Mapping[str, Any]:
    """The status of a Bundle, once it is unpacked or cannot be."""
    status: dict[str, Any] = {}

    async def is_so() -> bool:
        body = await desk.server.request("GET", f"{GROUP}/bundles/{desk.namespace}-{name}")
        status.clear()
        status.update(body.get("status", {}))
        return status.get("phase") in {"Unpacked", "Failing"}

    await until_on_wall_clock(is_so)
    return status


async def problem(desk: Desk, name: str) -> str:
    status = await ended(desk, name)
    said = conditions_of({"status": status})["Unpacked"]
    assert (status["phase"], said.status, said.reason) == ("Failing", "False", "UnpackFailed"), said
    assert "\n" not in said.message
    return said.message


def image(ref: str, **fields: object) -> Mapping[str, object]:
    return {"type": "image", "image": {"ref": ref, **fields}}


def git(repository: str, directory: str = "", secret: str = "", **ref: str) -> Mapping[str, object]:
    auth = {"auth": {"secret": {"name": secret}}} if secret else {}
    placed = {"directory": directory} if directory else {}
    return {"type": "git", "git": {"repository": repository, "ref": ref, **placed, **auth}}


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


async def store(desk: Desk, name: str, data: Mapping[str, bytes]) -> None:
    metadata = {"name": name, "namespace": desk.namespace}
    texts = {key: content.decode() for key, content in data.items()}
    await desk.server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": texts})


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
        await ask(real, "http", {"type": "http", "http": {"url": f"http://{server.host}/x.tgz"}})
        await ask(real, "none", {"type": "http", "http": {"url": f"http://{server.host}/none.tgz"}})
        assert (await ended(real, "http"))["contentURL"] == f"http://{server.host}/x.tgz#{digest_of(archive)}"
        assert await problem(real, "none") == f'http://{server.host}/none.tgz: unexpected status "404 Not Found"'
        for name in ("one", "two"):
            await ask(real, name, config_maps(name))
        assert (await ended(real, "one"))["contentURL"] == f"configmaps:one#{pack(FILES).digest}"
        assert await problem(real, "two") == 'configmap "two" is not immutable'


def config_maps(name: str) -> Mapping[str, object]:
    return {"type": "configMaps", "configMaps": [{"configMap": {"name": name}, "path": "manifests"}]}


def hostile_images() -> dict[str, tuple[bytes, str]]:
    """Layers by what is wrong with them, and the end of krt's sentence."""
    folders = 'subdirectories are not allowed within the "manifests" directory of the bundle image filesystem: found'
    links = "a bundle has regular files and folders only"
    zero = "found zero objects: plain+v0 bundles are required to contain at least one object"
    return {
        "subdirectory": (tar_of(("manifests/deep/a.yaml", MANIFEST)), f'{folders} "manifests/deep"'),
        "no-folder": (tar_of(("a.yaml", MANIFEST)), "readdir manifests: file does not exist"),
        "zero": (tar_of(("manifests/a.yaml", b"# nothing\n")), zero),
        "readme": (tar_of(("manifests/README.md", b"read me")), "(json: cannot unmarshal string into Go value)"),
        "above": (tar_of(("../manifests/a.yaml", MANIFEST)), "a bundle's files lie below its root"),
        "absolute": (tar_of(("/manifests/a.yaml", MANIFEST)), "a bundle's paths are relative"),
        "symlink": (tar_of(special("manifests/a", tarfile.SYMTYPE, "/etc/passwd")), links),
        "hard-link": (tar_of(special("manifests/a", tarfile.LNKTYPE, "b")), links),
        "device": (tar_of(special("manifests/a", tarfile.CHRTYPE)), links),
        "many": (tar_of(*((f"manifests/{number}", b"") for number in range(10_001))), "it has more than 10000 files"),
        "bomb": (
            gzip.compress(tar_of(("manifests/a.yaml", bytes(60 * MIB)))),
            "times its size when it is decompressed",
        ),
    }


async def test_what_is_no_bundle_is_failing_with_a_sentence_and_memory_is_bounded(real: Desk) -> None:
    cases = hostile_images()
    good = a_layer(settings_yaml=MANIFEST)
    async with hostile_registry() as server:
        for name, (layer, _) in cases.items():
            serve(server, name, layer)
        tracemalloc.start()
        async with real.running():
            for name, (_, said) in cases.items():
                await ask(real, name, image(f"{server.host}/acme/bundle:{name}"))
                assert (await problem(real, name)).endswith(said)
            for name, said in lying(server, good).items():
                await ask(real, name, image(f"{server.host}/acme/bundle:{name}"))
                assert said in await problem(real, name)
            serve(server, "good", good)
            await ask(real, "good", image(f"{server.host}/acme/bundle:good"))
            assert (await ended(real, "good"))["phase"] == "Unpacked"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64 * MIB


def serve(server: HostileRegistry, tag: str, layer: bytes) -> None:
    server.has(manifest_of([layer]), layer, tag=tag)


def lying(server: HostileRegistry, layer: bytes) -> dict[str, str]:
    """Tags of images that the server does not serve honestly, and what krt says of each."""
    for tag in ("corrupted", "other-digest", "endless", "moved"):
        other = a_layer(settings_yaml=MANIFEST + b"# " + tag.encode())
        serve(server, tag, other)
        blob = f"GET /v2/acme/bundle/blobs/{digest_of(other)}"
        server.replies[blob] = {
            "corrupted": Reply(body=other[:-1] + b"x"),
            "other-digest": Reply(body=layer),
            "endless": Reply(body=ENDLESS, is_endless=True),
            "moved": Reply(307, headers={"Location": "http://169.254.169.254/latest/meta-data"}),
        }[tag]
    return {
        "corrupted": "sends other bytes for sha256:",
        "other-digest": "sends other bytes for sha256:",
        "endless": "127.0.0.1 sends more than the ",
        "moved": "169.254.169.254 is a link-local address, which krt never calls",
    }


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
