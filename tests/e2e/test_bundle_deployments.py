"""An event reaches a BundleDeployment: web, worker and job on the real API server, and a controller's status."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver import bundles
from tests.apiserver.bundle_controller import DIGEST, BundleController, open_bundle_controller
from tests.apiserver.bundles import a_bundle_deployment, image
from tests.apiserver.objects import Object, a_deployment, grant
from tests.apiserver.server import Account, ApiServer
from tests.e2e.bundle_worker import KINDS, RULES
from tests.e2e.site import Site

WAIT = ("--wait", "--timeout", "40s")
REF = "ghcr.io/acme/shop-bundle:dev"


@pytest.fixture
async def controller(bundle_server: ApiServer) -> AsyncIterator[BundleController]:
    async with open_bundle_controller(bundle_server) as controller:
        yield controller


@pytest.fixture
async def bundle_site(site: Site, controller: BundleController, bundle_server: ApiServer, worker: Account) -> Site:
    """A site whose worker may patch BundleDeployments, too."""
    await bundle_server.apply(*grant(worker.name, worker.namespace, RULES, everywhere=True))
    return site


async def read(server: ApiServer, name: str = "shop") -> Object:
    found: Object = await server.request("GET", f"/apis/{bundles.API_VERSION}/bundledeployments/{name}")
    return found


async def test_an_event_is_announced_to_a_bundle_deployment_and_followed_to_its_end(
    bundle_site: Site, bundle_server: ApiServer, tmp_path: Path
) -> None:
    """The worker watches one namespace: what has no namespace is watched beside it."""
    summary = tmp_path / "summary.md"
    summary.touch()
    [before] = await bundle_server.apply(a_bundle_deployment(image(REF), "shop", annotations={"a": "b"}))
    await bundle_server.apply(a_deployment("web", REF, namespace=bundle_site.cluster.namespace, replicas=1))
    async with bundle_site.web(), bundle_site.worker(*KINDS):
        ended = await bundle_site.job(
            "shop-bundle", *WAIT, "--json", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)
        )
        assert ended.code == 0, ended
        targets = {each["kind"]: each for each in json.loads(ended.out)["report"]["targets"]}
        again = await bundle_site.job("shop-bundle", *WAIT)
    assert {kind: each["state"] for kind, each in targets.items()} == {
        "BundleDeployment": "ready",
        "Deployment": "ready",
    }
    assert targets["BundleDeployment"]["digest"] == DIGEST
    assert (targets["BundleDeployment"]["namespace"], "digest" in targets["Deployment"]) == ("", False)
    assert "BundleDeployment shop" in summary.read_text()
    assert DIGEST.partition(":")[2] in summary.read_text()
    again.said("BundleDeployment shop: ready", f"digest {DIGEST}")
    after = await read(bundle_server)
    assert set(after["metadata"]["annotations"]) == {"a", "krt/event", "krt/cause", "krt/announced"}
    assert after["status"]["handled"] == after["metadata"]["annotations"]["krt/announced"]
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])


async def test_a_delivery_that_failed_ends_the_job_with_the_reason_of_the_condition(
    bundle_site: Site, bundle_server: ApiServer, controller: BundleController
) -> None:
    controller.problems = {"HasValidBundle": "found zero objects"}  # what was installed stays, and is healthy
    await bundle_server.apply(a_bundle_deployment(image(REF), "shop"))
    async with bundle_site.web(), bundle_site.worker(*KINDS):
        ended = await bundle_site.job("shop-bundle", *WAIT)
    assert ended.code == 1, ended
    ended.said("BundleDeployment shop: failed: found zero objects")


async def test_one_that_is_pinned_by_digest_or_foreign_is_said_to_be(
    bundle_site: Site, bundle_server: ApiServer
) -> None:
    foreign = a_bundle_deployment(image(REF), "foreign")
    foreign["spec"]["provisionerClassName"] = "core-rukpak-io-helm"
    pinned = a_bundle_deployment(image(f"{REF}@{DIGEST}"), "pinned")
    before = await bundle_server.apply(foreign, pinned)
    async with bundle_site.web(), bundle_site.worker(*KINDS):
        ended = await bundle_site.job("shop-bundle", *WAIT)
    assert ended.code == 1, ended
    ended.said(
        "BundleDeployment pinned: skipped: pinned by digest",
        "BundleDeployment foreign: skipped: its provisioner class belongs to another controller",
    )
    assert [await read(bundle_server, each["metadata"]["name"]) for each in before] == before


async def test_while_the_controller_is_away_the_report_is_progressing(
    bundle_site: Site, bundle_server: ApiServer, controller: BundleController
) -> None:
    controller.is_away = True
    await bundle_server.apply(a_bundle_deployment(image(REF), "shop"))
    async with bundle_site.web(), bundle_site.worker(*KINDS, KRT_ROLLOUT_DEADLINE="3s"):
        ended = await bundle_site.job("shop-bundle", *WAIT)
    assert ended.code == 1, ended
    ended.said("BundleDeployment shop: progressing", "BundleDeployment shop: failed: no end within 3 s")
