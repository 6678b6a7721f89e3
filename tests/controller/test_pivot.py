"""BundleDeployments on the real API server: installed, moved to new content, kept as they were, and removed."""

import json
import ssl

import pytest

from krt.proxies import proxies_of
from krt.sources.fetch import Fetcher
from krt.sources.way import Way
from tests.apiserver.objects import a_deployment
from tests.controller.desk import GROUP, REF, Desk
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver


async def test_the_objects_of_an_image_appear_and_the_status_says_which_content(desk: Desk) -> None:
    """R1, R6, R21, R24."""
    digest = desk.push(desk.config_map("a", v="1"), desk.config_map("b", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed(digest=digest)
        assert (await desk.data("a"), await desk.data("b")) == ({"v": "1"}, {"v": "1"})
        [bundle] = await desk.bundles()
        status = await desk.status()
        assert status["activeBundle"] == bundle["metadata"]["name"]
        assert status["resolvedSource"] == bundle["status"]["resolvedSource"]
        assert bundle["status"]["phase"] == "Unpacked"
        assert bundle["status"]["contentURL"] == f"oci://registry.example/acme/shop-bundle@{digest}"
        body = await desk.server.get("ConfigMap", desk.namespace, "a", "v1")
        assert body["metadata"]["labels"]["core.rukpak.io/owner-name"] == desk.name


async def test_an_announcement_moves_to_what_the_tag_has_now_and_prunes_the_rest(desk: Desk) -> None:
    """R22, R23: the new object is there before the old one goes."""
    desk.push(desk.config_map("a", v="1"), desk.config_map("old", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        digest = desk.push(desk.config_map("a", v="2"), desk.config_map("new", v="2"))
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(digest=digest, handled="e1")
        assert (await desk.data("a"), await desk.data("new"), await desk.data("old")) == ({"v": "2"}, {"v": "2"}, None)
        assert len(await desk.bundles()) == 1


async def test_an_announcement_of_the_same_content_writes_nothing_but_that_it_was_handled(desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        desk.requests.clear()
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(handled="e1")
        [write] = desk.writes
        assert f"/bundledeployments/{desk.name}/status" in write


async def test_another_template_makes_another_bundle_and_the_old_one_goes(desk: Desk) -> None:
    """R4, R21."""
    desk.push(desk.config_map("old", v="1"))
    digest = desk.push(desk.config_map("new", v="1"), ref="registry.example/acme/other:main")
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        [before] = await desk.bundles()
        await desk.deploy("registry.example/acme/other:main")
        await desk.until_installed(digest=digest)

        async def is_done() -> bool:
            return [each["metadata"]["name"] for each in await desk.bundles()] == [
                (await desk.status())["activeBundle"]
            ]

        await until_on_wall_clock(is_done)
        assert before["metadata"]["name"] != (await desk.status())["activeBundle"]
        assert (await desk.data("old"), await desk.data("new")) == (None, {"v": "1"})


async def test_a_wish_to_unpack_again_asks_the_tag_once(desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        digest = desk.push(desk.config_map("a", v="2"))
        await desk.annotate(krt_unpack="please")
        await desk.until_installed(digest=digest)

        async def is_noted() -> bool:
            return (await desk.status()).get("unpacked") == "please"

        await until_on_wall_clock(is_noted)
        assert desk.images.asked.count("tag") == 2


async def test_a_moved_tag_and_a_new_controller_are_no_pivot(desk: Desk) -> None:
    """R5: its memory is lost, an object is gone, its Bundle was deleted: it takes the content that it had.

    Seen to fail if the new Bundle asks for the tag instead of the digest.
    """
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
    desk.push(desk.config_map("a", v="2"))
    await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")
    [bundle] = await desk.bundles()
    await desk.server.request("DELETE", f"{GROUP}/bundles/{bundle['metadata']['name']}")
    desk.images.asked.clear()
    async with desk.running("two"):

        async def is_back() -> bool:
            return await desk.data("a") is not None and len(await desk.bundles()) == 1

        await until_on_wall_clock(is_back)

        async def is_unpacked() -> bool:
            return [each.get("status", {}).get("phase") for each in await desk.bundles()] == ["Unpacked"]

        await until_on_wall_clock(is_unpacked)
        assert await desk.data("a") == {"v": "1"}
        assert set(desk.images.asked) == {"digest"}
        digest = desk.images.tags[REF]
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(digest=digest, handled="e1")
        assert await desk.data("a") == {"v": "2"}


NO_OBJECT = {"manifests/a.yaml": b"just a text\n"}


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (NO_OBJECT, "json: cannot unmarshal string into Go value"),
        ({"README.md": b"# nothing"}, "readdir manifests: file does not exist"),
        (None, "the registry has no registry.example/acme/shop-bundle:main (status 404)"),
    ],
)
async def test_a_broken_version_leaves_the_old_one_and_says_why(desk: Desk, files: object, text: str) -> None:
    """R13, R22."""
    before = desk.push(desk.config_map("a", v="1"), desk.config_map("b", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        if isinstance(files, dict):
            desk.images.push(REF, files)
        else:
            del desk.images.tags[REF]
        await desk.annotate(krt_announced="e1")
        await desk.until_condition("HasValidBundle", "False", text)
        status, [bundle] = await desk.status(), await desk.bundles()
        assert (status["handled"], before in str(status["resolvedSource"])) == ("e1", True)
        assert bundle["status"]["phase"] == "Failing"
        assert before in str(bundle["status"]["resolvedSource"])
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")

        async def is_back() -> bool:
            return await desk.data("a") == {"v": "1"}

        await until_on_wall_clock(is_back)
        assert (await desk.condition("HasValidBundle"))[0] == "False"
        digest = desk.push(desk.config_map("a", v="3"))
        await desk.annotate(krt_announced="e2")
        await desk.until_installed(digest=digest, handled="e2")
        assert (await desk.data("a"), await desk.data("b")) == ({"v": "3"}, None)


async def test_a_version_that_the_server_refuses_leaves_the_old_one(desk: Desk) -> None:
    before = desk.push(desk.config_map("a", v="1"), desk.config_map("old", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        desk.push(desk.config_map("a", v="2"), desk.config_map("Not-A-Name", v="1"))
        await desk.annotate(krt_announced="e1")
        await desk.until_condition("Installed", "False", "Invalid value")
        status = await desk.status()
        assert (status["handled"], before in str(status["resolvedSource"])) == ("e1", True)
        assert (await desk.data("a"), await desk.data("old")) == ({"v": "1"}, {"v": "1"})


async def test_a_version_that_never_becomes_ready_leaves_the_old_one_active_and_prunes_nothing(desk: Desk) -> None:
    before = desk.push(desk.config_map("old", v="1"))
    desk.deadline_seconds = 2.0
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        desk.push(desk.config_map("new", v="1"), a_deployment(namespace=desk.namespace))
        await desk.annotate(krt_announced="e1")
        await desk.until_condition("Healthy", "False", f"Deployment {desk.namespace}/web: not ready within 2 s")
        status = await desk.status()
        assert (status["handled"], before in str(status["resolvedSource"])) == ("e1", True)
        assert (await desk.condition("Installed"))[0] == "True"
        assert (await desk.data("old"), await desk.data("new")) == ({"v": "1"}, {"v": "1"})
        digest = desk.push(desk.config_map("new", v="3"))
        await desk.annotate(krt_announced="e2")
        await desk.until_installed(digest=digest, handled="e2")
        assert await desk.data("old") is None


async def test_a_registry_that_is_away_is_no_end(desk: Desk) -> None:
    """Nor is it one for an object that was deleted meanwhile; but a condition says so."""
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        digest = desk.push(desk.config_map("a", v="2"))
        desk.images.is_away = True
        await desk.annotate(krt_announced="e1")
        await desk.until_condition("HasValidBundle", "False", "the registry does not answer")
        assert "handled" not in await desk.status()
        desk.images.is_away = False
        await desk.until_installed(digest=digest, handled="e1")
        desk.images.is_away = True
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")
        await desk.until_condition("HasValidBundle", "False", "the registry does not answer")
        desk.images.is_away = False
        await desk.until_installed(digest=digest, handled="e1")
        assert await desk.data("a") == {"v": "2"}


async def test_all_objects_go_with_their_deployment_and_what_was_made_anew_stays(desk: Desk) -> None:
    """R25. Somebody makes an object anew while no controller runs."""
    desk.push(desk.config_map("a", v="1"), desk.config_map("b", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
    await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/b")
    await desk.server.apply(desk.config_map("b", v="mine"))
    await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")
    async with desk.running("two"):

        async def is_gone() -> bool:
            return (await desk.server.client.get(f"{GROUP}/bundledeployments/{desk.name}")).status_code == 404

        await until_on_wall_clock(is_gone)
        assert (await desk.data("a"), await desk.data("b"), await desk.bundles()) == (None, {"v": "mine"}, [])
        secrets = await desk.server.request("GET", f"/api/v1/namespaces/{desk.namespace}/secrets")
        assert [each["metadata"]["name"] for each in secrets["items"]] == []


async def test_config_maps_are_a_source_too(desk: Desk) -> None:
    """R11: a source without a tag, whose content is named by its digest. A new controller writes nothing."""
    desk.fetches = Fetcher(Way(ssl.create_default_context(), proxies_of({})))
    source = {"type": "configMaps", "configMaps": [{"configMap": {"name": "shop-v1"}, "path": "manifests"}]}
    await desk.server.apply(
        {**desk.config_map("shop-v1", **{"a.yaml": json.dumps(desk.config_map("a", v="1"))}), "immutable": True}
    )
    await desk.deploy(source=source)
    async with desk.running():
        await desk.until_installed(digest="shop-v1")
        assert await desk.data("a") == {"v": "1"}
    desk.requests.clear()
    async with desk.running("two") as second:
        await until_on_wall_clock(lambda: second.is_settled(desk.name))
        assert desk.writes == []


async def test_a_deployment_of_another_class_stays_untouched(desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        await desk.server.apply(
            {
                "apiVersion": "core.rukpak.io/v1alpha1",
                "kind": "BundleDeployment",
                "metadata": {"name": f"{desk.namespace}-foreign"},
                "spec": {
                    "provisionerClassName": "core-rukpak-io-helm",
                    "template": {
                        "spec": {
                            "source": {"type": "image", "image": {"ref": REF}},
                            "provisionerClassName": "core-rukpak-io-helm",
                        }
                    },
                },
            }
        )
        await desk.annotate(krt_announced="e1")
        await desk.until_installed(handled="e1")
        body = await desk.server.request("GET", f"{GROUP}/bundledeployments/{desk.namespace}-foreign")
        assert "status" not in body
        assert "finalizers" not in body["metadata"]


async def test_a_template_of_another_class_is_told_and_its_bundle_stays_untouched(desk: Desk) -> None:
    """As a Bundle of that class alone does."""
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy(provisioner="core-rukpak-io-helm")
        said = "core-rukpak-io-helm is none of krt's classes, which are core-rukpak-io-plain, core-rukpak-io-registry"
        await desk.until_condition("HasValidBundle", "False", said)
        [bundle] = await desk.bundles()
        assert ("status" in bundle, await desk.data("a")) == (False, None)


async def test_two_deployments_of_one_bundle_conflict(desk: Desk) -> None:
    """R28."""
    desk.push(desk.config_map("a", v="1"))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        await desk.deploy(name=f"{desk.namespace}-other")
        problem = f"Conflict: managed by BundleDeployment {desk.name}"
        await desk.until_condition("Installed", "False", problem, name=f"{desk.namespace}-other")
