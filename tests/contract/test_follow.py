"""The index follows the cluster, by krt's own list and watch, whatever becomes of its connections and versions."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope, State
from krt.cluster.transport import Transport
from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.wire import READERS
from krt.core.announce.image import parse
from krt.core.kube.restartable import DEPLOYMENT
from krt.core.kube.workload import Workload
from tests.contract.subject import Subject
from tests.fakes.polling import until_on_trio_clock

SHOP, BLOG = "ghcr.io/acme/shop:dev", "ghcr.io/acme/blog:dev"
Holds = Callable[[], bool]


class Followed:
    """An index that is kept, and a way to wait for what it is to hold."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.index = WorkloadIndex()
        self._changed = trio.Event()
        self.index.listen(self._note)

    async def wait(self, holds: Holds, *, seconds: float = 20) -> None:
        with trio.fail_after(seconds):
            while not holds():
                self._changed = trio.Event()
                await self._changed.wait()

    def running(self, image: str) -> set[str]:
        return {workload.key.name for workload in self.index.running(parse(image).repository)}

    def _note(self, before: Workload | None, after: Workload | None) -> None:
        self._changed.set()


@asynccontextmanager
async def following(transport: Transport, namespace: str | None) -> AsyncIterator[Followed]:
    followed = Followed(Scope(READERS["Deployment"], namespace))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reflect, followed.scope, transport, followed.index)
        yield followed
        nursery.cancel_scope.cancel()


def image(name: str) -> dict[str, object]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


@pytest.mark.parametrize("whole_cluster", [True, False])
async def test_the_index_holds_what_runs_an_image_from_then_on(subject: Subject, whole_cluster: bool) -> None:
    await subject.create("before", image=SHOP, replicas=0)
    async with following(subject.api.transport, None if whole_cluster else subject.namespace) as followed:
        await followed.scope.state.listed.wait()
        assert followed.running(SHOP) == {"before"}
        await subject.create("after", image=SHOP, replicas=0)
        await followed.wait(lambda: followed.running(SHOP) == {"before", "after"})
        await subject.patch(image(BLOG), "before")
        await followed.wait(lambda: (followed.running(SHOP), followed.running(BLOG)) == ({"after"}, {"before"}))
        await subject.delete("after")
        await followed.wait(lambda: not followed.running(SHOP))
        assert followed.index.get(subject.key("before")) == await subject.api.read(subject.key("before"))


async def test_the_index_of_a_namespace_holds_no_other(subject: Subject) -> None:
    async with subject.second_namespace() as other, following(subject.api.transport, subject.namespace) as followed:
        await subject.create("theirs", namespace=other, image=SHOP, replicas=0)
        await subject.create("ours", image=SHOP, replicas=0)
        await followed.wait(lambda: "ours" in followed.running(SHOP))
        assert followed.running(SHOP) == {"ours"}


async def test_expired_versions_lose_no_change(subject: Subject) -> None:
    await subject.create("gone", image=SHOP, replicas=0)
    async with following(subject.api.transport, subject.namespace) as followed:
        await followed.wait(lambda: followed.running(SHOP) == {"gone"})
        await subject.delete("gone")
        await subject.create("new", image=SHOP, replicas=0)
        await subject.expire_versions()
        await subject.create("newest", image=SHOP, replicas=0)
        await followed.wait(lambda: followed.running(SHOP) == {"new", "newest"})


async def test_an_expired_version_is_followed_by_a_new_list(subject: Subject) -> None:
    """As after a long absence: the version it would go on from is forgotten."""
    await subject.create("old", image=SHOP, replicas=0)
    page = await subject.api.list_page(DEPLOYMENT, subject.namespace, None)
    await subject.delete("old")
    await subject.create("new", image=SHOP, replicas=0)
    await subject.expire_versions()
    followed = Followed(Scope(READERS["Deployment"], subject.namespace, State(version=page.resource_version)))
    for workload in page.objects:
        followed.index.put(workload)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reflect, followed.scope, subject.api.transport, followed.index)
        await followed.wait(lambda: followed.running(SHOP) == {"new"})
        nursery.cancel_scope.cancel()


async def test_a_scope_that_may_not_be_listed_says_why_and_holds_nothing(subject: Subject) -> None:
    await subject.create(image=SHOP, replicas=0)
    worker = await subject.worker()
    async with (
        following(worker.api.transport, None) as denied,
        following(worker.api.transport, subject.namespace) as allowed,
    ):
        await allowed.wait(lambda: allowed.running(SHOP) == {"web"})
        await until_on_trio_clock(
            lambda: denied.scope.state.denied_since is not None and not allowed.scope.state.problem
        )
        assert not denied.scope.state.listed.is_set()
    assert "cannot list resource" in (denied.scope.state.problem or "")
