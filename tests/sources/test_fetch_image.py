"""Images as the source of a Bundle: which digest is fetched, with which login, and how often the registry is asked."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from krt.core.bundle.pack import digest_of, pack
from krt.core.rukpak.source import GitSource, HttpSource, ImageSource
from krt.sources import way
from krt.sources.errors import SourceRefused, SourceUnavailable
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_trio_clock
from tests.registry.server import PASSWORD, USER, RegistryServer, registry_server
from tests.sources.fetching import Namespace, a_fetcher, fetched, refused, unavailable
from tests.sources.hostile import ENDLESS, HostileRegistry, Reply, hostile_registry
from tests.sources.images import WEB, a_layer, gzipped, manifest_of, tar_of
from tests.sources.pulling import a_login, pushed

OLD, NEW = a_layer(web_yaml=WEB), a_layer(web_yaml=WEB, more_yaml=WEB)
OLD_IMAGE, NEW_IMAGE = manifest_of([OLD]), manifest_of([NEW])
MAIN = "GET /v2/acme/bundle/manifests/main"


@pytest.fixture
async def hostile() -> AsyncIterator[HostileRegistry]:
    async with hostile_registry() as opened:
        opened.has(OLD_IMAGE, OLD)
        yield opened


def pull_secret(host: str, password: str) -> Namespace:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = json.dumps({"auths": {host: {"auth": auth}}}).encode()
    return Namespace(secrets={"pull": {".dockerconfigjson": config}})


async def test_a_tag_becomes_the_digest_that_it_has(hostile: HostileRegistry) -> None:
    found = await fetched(ImageSource(f"{hostile.repository}:main"))
    assert found.resolved == f"{hostile.repository}@{digest_of(OLD_IMAGE)}"
    assert found.content_url == f"oci://{found.resolved}"
    assert found.files.files == {"manifests/web.yaml": WEB}


@pytest.mark.parametrize("form", ["{digest}", "{name}@{digest}"])
async def test_a_pinned_digest_is_fetched_and_never_the_tag(hostile: HostileRegistry, form: str) -> None:
    """Seen to fail with the tag resolved again."""
    hostile.has(NEW_IMAGE, NEW)
    pinned = form.format(name=hostile.repository, digest=digest_of(OLD_IMAGE))
    found = await fetched(ImageSource(f"{hostile.repository}:main"), pinned)
    assert found.resolved == f"{hostile.repository}@{digest_of(OLD_IMAGE)}"
    assert MAIN not in map(str, hostile.asked)


async def test_a_pinned_digest_that_the_registry_has_no_more_is_told(hostile: HostileRegistry) -> None:
    gone = f"sha256:{'0' * 64}"
    said = await refused(ImageSource(f"{hostile.repository}:main"), gone)
    assert said == f"{hostile.host} has no {hostile.repository}@{gone} (status 404)"


async def test_a_digest_that_was_fetched_asks_the_registry_nothing(hostile: HostileRegistry) -> None:
    """R7. Seen to fail without the first look into the cache."""
    fetcher, digest = a_fetcher(), digest_of(OLD_IMAGE)
    first = await fetcher.fetch(ImageSource(f"{hostile.repository}:main"), "", Namespace())
    hostile.asked.clear()
    for ref, pinned in ((f"{hostile.repository}:main", digest), (f"{hostile.repository}@{digest}", "")):
        assert await fetcher.fetch(ImageSource(ref), pinned, Namespace()) is first
    assert hostile.asked == []


async def test_a_tag_that_has_not_moved_costs_no_layer(hostile: HostileRegistry) -> None:
    fetcher, source = a_fetcher(), ImageSource(f"{hostile.repository}:main")
    first = await fetcher.fetch(source, "", Namespace())
    hostile.asked.clear()
    assert await fetcher.fetch(source, "", Namespace()) is first
    assert [str(asked) for asked in hostile.asked if asked.path != "/v2/"] == [MAIN]
    hostile.has(NEW_IMAGE, NEW)
    assert set((await fetcher.fetch(source, "", Namespace())).files.files) == {
        "manifests/web.yaml",
        "manifests/more.yaml",
    }


async def test_another_repository_is_asked_for_a_digest_that_was_fetched_from_this_one(
    hostile: HostileRegistry,
) -> None:
    """Who may read one repository may not read another by naming a digest."""
    fetcher = a_fetcher()
    await fetcher.fetch(ImageSource(f"{hostile.repository}:main"), "", Namespace())
    said = "has no .*/acme/other@sha256:"
    with pytest.raises(SourceRefused, match=said):
        await fetcher.fetch(ImageSource(f"{hostile.host}/acme/other@{digest_of(OLD_IMAGE)}"), "", Namespace())


@pytest.mark.parametrize(
    "ref", ["my-bundle@sha256:xyz123", "ghcr.io/Acme/bundle:main", "", "ghcr.io/acme/bundle@md5:00", "a b", "x:-"]
)
async def test_a_reference_that_is_none_is_refused_before_any_call(ref: str) -> None:
    """The first is the one in RukPak's documentation."""
    assert (await refused(ImageSource(ref, "absent"))).startswith("could not parse reference: ")


async def test_a_private_image_needs_the_pull_secret(tmp_path: Path, registry: RegistryServer) -> None:
    with registry_server(tmp_path, with_users=True) as server:
        ref = f"{server.host}/acme/bundle:main"
        image = pack({"manifests/web.yaml": WEB})
        await pushed(ref, image, a_login())
        found = await fetched(ImageSource(ref, "pull"), "", pull_secret(server.host, PASSWORD))
        assert found.resolved == f"{server.host}/acme/bundle@{image.digest}"
        assert "there is none for it" in await refused(ImageSource(ref))
        assert "there is none for it" in await refused(ImageSource(ref, "pull"), "", pull_secret("ghcr.io", PASSWORD))
        said = await refused(ImageSource(ref, "pull"), "", pull_secret(server.host, "wrong-hunter2"))
        assert said == f"{server.host} does not allow this for {server.host}/acme/bundle (status 401)"


async def test_the_servers_certificate_is_looked_at_unless_the_source_says_no(
    tmp_path: Path, registry: RegistryServer
) -> None:
    """By each source that speaks TLS: the server is a registry, which has neither an archive nor a repository."""
    with registry_server(tmp_path, with_tls=True) as server:
        url = f"https://{server.host}"
        for source in (
            ImageSource(f"{server.host}/acme/bundle:main"),
            HttpSource(f"{url}/v2/"),
            GitSource(f"{url}/x.git", branch="main"),
        ):
            assert (await refused(source)).startswith("the certificate of 127.0.0.1 is not trusted: ")
        unchecked = HttpSource(f"{url}/v2/", insecure_skip_verify=True)
        assert await refused(unchecked) == f"{url}/v2/: an archive in it is not a tar"
        unchecked_git = GitSource(f"{url}/x.git", branch="main", insecure_skip_verify=True)
        assert "has no repository" in await refused(unchecked_git)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"password": b"hunter2"},
            "Secret pull has no key .dockerconfigjson: a pull secret is of the type kubernetes.io/dockerconfigjson",
        ),
        ({".dockerconfigjson": b"hunter2"}, "Secret pull is not a docker config, which is JSON with `auths`"),
    ],
)
async def test_another_secret_is_refused_and_not_quoted(data: dict[str, bytes], said: str) -> None:
    assert await refused(ImageSource("ghcr.io/a/b:c", "pull"), "", Namespace(secrets={"pull": data})) == said
    assert await refused(ImageSource("ghcr.io/a/b:c", "pull")) == "Secret pull not found"


async def test_of_an_image_only_the_folders_of_a_bundle_are_kept(hostile: HostileRegistry) -> None:
    """An image may be a whole system."""
    layer = gzipped(
        tar_of(("manifests/web.yaml", WEB), ("usr/bin/sh", b"x" * 5000), ("metadata/a.yaml", b""), ("e", None))
    )
    hostile.has(manifest_of([layer]), layer)
    found = (await fetched(ImageSource(f"{hostile.repository}:main"))).files
    assert set(found.files) == {"manifests/web.yaml", "metadata/a.yaml"}
    assert found.folders == {"manifests", "metadata"}


async def test_a_busy_registry_is_the_callers_to_ask_again(hostile: HostileRegistry) -> None:
    """The controller's backoff waits, and its condition tells for how long: no call sleeps here meanwhile."""
    hostile.replies[MAIN] = Reply(429, headers={"Retry-After": "70"})
    with pytest.raises(SourceUnavailable) as caught:
        await fetched(ImageSource(f"{hostile.repository}:main"))
    assert caught.value.retry_after_seconds == 70
    assert str(caught.value) == f"{hostile.host} answers with status 429, and asks for a pause of 70 s"
    assert [str(asked) for asked in hostile.asked].count(MAIN) == 1


async def test_a_source_that_trickles_is_cut(hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "SECONDS", slack(0.3))
    monkeypatch.setattr("krt.sources.exchange.MOST_REFUSAL_BYTES", 2**40)
    hostile.replies[MAIN] = Reply(404, body=ENDLESS, is_endless=True)
    said = await unavailable(ImageSource(f"{hostile.repository}:main"))
    assert said.startswith("the source has not sent the bundle within ")


async def test_a_bundle_that_krt_does_not_take_is_refused(hostile: HostileRegistry) -> None:
    layer = gzipped(tar_of(("../manifests/web.yaml", WEB)))
    hostile.has(manifest_of([layer]), layer)
    said = await refused(ImageSource(f"{hostile.repository}:main"))
    assert said == f"{hostile.repository}:main: a tar archive has a path with ..: a bundle's files lie below its root"


async def test_two_sources_are_asked_at_a_time_and_what_was_fetched_waits_for_none(hostile: HostileRegistry) -> None:
    """Seen to fail with three turns."""
    fetcher, source = a_fetcher(), ImageSource(f"{hostile.repository}:main")
    found = await fetcher.fetch(source, "", Namespace())
    for tag in ("a", "b", "c"):
        hostile.replies[f"GET /v2/acme/bundle/manifests/{tag}"] = Reply(is_silent=True)
    async with trio.open_nursery() as nursery:
        for tag in ("a", "b", "c"):
            nursery.start_soon(fetcher.fetch, ImageSource(f"{hostile.repository}:{tag}"), "", Namespace())
        await until_on_trio_clock(lambda: len(silent(hostile)) == 2)
        assert await fetcher.fetch(source, found.resolved, Namespace()) is found
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(silent(hostile)) == 2
        nursery.cancel_scope.cancel()


def silent(hostile: HostileRegistry) -> list[str]:
    """The requests that wait for an answer."""
    return [asked.path for asked in hostile.asked if asked.path[-2:] in {"/a", "/b", "/c"}]
