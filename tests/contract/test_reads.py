"""Objects and lists, as krt asks for them."""

import pytest
import trio

from krt.cluster.listing import PAGE_ITEMS
from krt.core.kube.restartable import DEPLOYMENT
from krt.core.kube.workload import Container, read_image
from krt.errors import NotThere, VersionExpired
from tests.contract.subject import ELSEWHERE, Subject

REST_ITEMS = 5


async def fill(subject: Subject) -> None:
    """A page of Deployments, and a few more."""
    at_once = trio.CapacityLimiter(16)

    async def create(number: int) -> None:
        async with at_once:
            await subject.create(f"app-{number:04}", replicas=0)

    async with trio.open_nursery() as nursery:
        for number in range(PAGE_ITEMS + REST_ITEMS):
            nursery.start_soon(create, number)


async def test_a_workload_is_read_as_it_is(subject: Subject) -> None:
    images = [{"name": "migrate", "image": "ghcr.io/acme/migrate:dev", "imagePullPolicy": "Always"}]
    annotations = {"krt/restart": "enabled", "krt/event": "a mark"}
    pod = {"initContainers": images}
    made = await subject.create(replicas=0, paused=True, annotations=annotations, pod=pod)
    workload = await subject.api.read(subject.key())
    assert workload.key == subject.key()
    assert (workload.uid, workload.created_at) == (made["metadata"]["uid"], made["metadata"]["creationTimestamp"])
    assert (workload.generation, workload.replicas, workload.paused) == (1, 0, True)
    assert (workload.opt, workload.mark, workload.restarted_at) == ("enabled", "a mark", None)
    assert workload.containers == (
        Container("migrate", "ghcr.io/acme/migrate:dev", read_image("ghcr.io/acme/migrate:dev"), "Always"),
        Container("main", "ghcr.io/acme/shop:dev", read_image("ghcr.io/acme/shop:dev"), "IfNotPresent"),
    )


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("localhost:5000/nginx", "Always"),
        (f"nginx:latest@sha256:{'0' * 64}", "Always"),
        (f"nginx@sha256:{'0' * 64}", "IfNotPresent"),
    ],
)
async def test_the_default_pull_policy_depends_on_the_tag(subject: Subject, image: str, policy: str) -> None:
    await subject.create(image=image, replicas=0)
    [container] = (await subject.api.read(subject.key())).containers
    assert (container.image, container.pull_policy) == (image, policy)


async def test_a_workload_that_is_not_there_is_gone(subject: Subject) -> None:
    with pytest.raises(NotThere, match=r'404 NotFound: deployments[.]apps "web" not found'):
        await subject.api.read(subject.key())


@pytest.mark.parametrize("namespace", ["its own", "none"])
async def test_a_list_of_nothing_is_empty_and_of_a_version(subject: Subject, namespace: str) -> None:
    page = await subject.api.list_page(DEPLOYMENT, subject.namespace if namespace == "its own" else ELSEWHERE, None)
    assert (list(page.objects), page.continue_token) == ([], None)
    assert page.resource_version.isdecimal()


async def test_a_listed_workload_is_the_one_that_is_read(subject: Subject) -> None:
    await subject.create(replicas=0)
    page = await subject.api.list_page(DEPLOYMENT, subject.namespace, None)
    assert list(page.objects) == [await subject.api.read(subject.key())]


async def test_a_list_of_the_whole_cluster_holds_every_namespace(subject: Subject) -> None:
    async with subject.second_namespace() as other:
        await subject.create(replicas=0)
        await subject.create(replicas=0, namespace=other)
        page = await subject.api.list_page(DEPLOYMENT, None, None)
        listed = {workload.key.namespace for workload in page.objects if workload.key.name == "web"}
    assert {subject.namespace, other} <= listed


@pytest.mark.parametrize(("annotation_bytes", "encoding"), [(100, None), (8_000, "gzip")], ids=["short", "long"])
async def test_a_long_list_comes_as_gzip_and_is_read_alike(
    subject: Subject, annotation_bytes: int, encoding: str | None
) -> None:
    """Seen to fail, against the stand-in, with `packed` taken out of it."""
    for number in range(20):
        await subject.create(f"app-{number:04}", replicas=0, annotations={"long": "x" * annotation_bytes})
    accepting = {"Accept-Encoding": "gzip"}
    async with subject.client.stream("GET", subject.path, headers=accepting) as response:
        wire_bytes = sum([len(chunk) async for chunk in response.aiter_raw()])
    assert response.headers.get("Content-Encoding") == encoding
    assert (wire_bytes < 20 * 1024) == (encoding == "gzip")
    page = await subject.api.list_page(DEPLOYMENT, subject.namespace, None)
    assert [workload.key.name for workload in page.objects] == [f"app-{number:04}" for number in range(20)]


async def test_pages_are_of_one_moment_and_hold_everything_once(subject: Subject) -> None:
    await fill(subject)
    first = await subject.api.list_page(DEPLOYMENT, subject.namespace, None)
    await subject.delete(f"app-{PAGE_ITEMS:04}")
    await subject.create("later", replicas=0)
    rest = await subject.api.list_page(DEPLOYMENT, subject.namespace, first.continue_token)
    names = [[workload.key.name for workload in page.objects] for page in (first, rest)]
    assert [*names[0], *names[1]] == [f"app-{number:04}" for number in range(PAGE_ITEMS + REST_ITEMS)]
    assert (len(names[0]), rest.continue_token) == (PAGE_ITEMS, None)
    assert first.resource_version == rest.resource_version


async def test_a_page_of_a_forgotten_moment_is_expired(subject: Subject) -> None:
    await fill(subject)
    first = await subject.api.list_page(DEPLOYMENT, subject.namespace, None)
    await subject.create("later", replicas=0)
    await subject.expire_versions()
    with pytest.raises(VersionExpired, match="410 Expired: The provided continue parameter is too old"):
        await subject.api.list_page(DEPLOYMENT, subject.namespace, first.continue_token)
