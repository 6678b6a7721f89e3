"""An announcement to a BundleDeployment: what it changes, what it does not, and how the status is read."""

import json
from typing import Any

import pytest

from krt.core.announce.event_id import EventId
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.ports.workloads import Stamp
from krt.errors import Conflict, NotThere
from tests.apiserver.bundles import a_bundle_deployment, image
from tests.apiserver.objects import Object
from tests.contract.differences import changed
from tests.contract.subject import MERGE_PATCH, Subject, decoded

TIME = "2026-01-01T00:00:00.000001Z"
STAMP = Stamp(TIME, f"journal 1-0 {TIME}", "image=ghcr.io/acme/shop-bundle:main", EventId(1, 0))
KEY = BUNDLE_DEPLOYMENT.key("", "shop")
PATH = BUNDLE_DEPLOYMENT.object_path("", "shop")


async def create(subject: Subject, **metadata: Any) -> Object:
    document = a_bundle_deployment(image("ghcr.io/acme/shop-bundle:main"), "shop", **metadata)
    return decoded(await subject.client.post(BUNDLE_DEPLOYMENT.collection_path(None), json=document))


async def read(subject: Subject) -> Object:
    return decoded(await subject.client.get(PATH))


async def test_an_announcement_changes_three_annotations_and_what_the_server_keeps(subject: Subject) -> None:
    async with subject.serving_bundles():
        before = await create(subject, annotations={"a": "b"})
        announced = await subject.api.restart(await subject.api.read(KEY), STAMP)
        after = await read(subject)
        assert changed(before, after) == {
            ("metadata", "annotations", "krt/event"),
            ("metadata", "annotations", "krt/cause"),
            ("metadata", "annotations", "krt/announced"),
            ("metadata", "managedFields"),
            ("metadata", "resourceVersion"),
        }
        assert after["metadata"]["annotations"]["krt/announced"] == "1-0"
        assert announced == await subject.api.read(KEY)
        assert (announced.restarted_at, announced.mark, announced.generation) == (TIME, STAMP.mark, 1)


async def test_an_announcement_at_an_older_version_is_refused_and_one_to_nothing_is_told(subject: Subject) -> None:
    async with subject.serving_bundles():
        await create(subject)
        seen = await subject.api.read(KEY)
        await subject.api.restart(seen, STAMP)
        with pytest.raises(Conflict):
            await subject.api.restart(seen, STAMP)
        decoded(await subject.client.delete(PATH))
        with pytest.raises(NotThere):
            await subject.api.read(KEY)


async def test_a_new_template_is_a_new_generation_and_an_annotation_is_none(subject: Subject) -> None:
    async with subject.serving_bundles():
        await create(subject)
        for patch in (
            {"metadata": {"annotations": {"a": "b"}}},
            {"spec": {"template": {"spec": {"source": {"image": {"ref": "ghcr.io/acme/shop-bundle:v2"}}}}}},
        ):
            decoded(await subject.client.patch(PATH, content=json.dumps(patch), headers=MERGE_PATCH))
        assert (await subject.api.read(KEY)).generation == 2


async def test_they_are_listed_and_watched_without_a_namespace(subject: Subject) -> None:
    async with subject.serving_bundles():
        await create(subject)
        page = await subject.api.list_page(BUNDLE_DEPLOYMENT, None, None)
        assert [each.key for each in page.objects] == [KEY]
        async with subject.api.watch(BUNDLE_DEPLOYMENT, None, page.resource_version, 30) as lines:
            await subject.api.restart(await subject.api.read(KEY), STAMP)
            line = json.loads(await anext(lines))
        assert (line["type"], line["object"]["metadata"]["name"]) == ("MODIFIED", "shop")
