"""What the API server will not do, and what krt makes of it."""

import pytest

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import DEPLOYMENT
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Stamp
from krt.errors import ClusterDenied, ClusterRefused
from tests.contract.subject import ELSEWHERE, Caller, Subject
from tests.fakes.keys import a_key

STAMP = Stamp("2026-01-01T00:00:00.000001Z", "journal 1-0 2026-01-01T00:00:00.000001Z", "acme/shop", EventId(1, 0))


async def list_(caller: Caller, workload: Workload, namespace: str | None) -> None:
    await caller.api.list_page(DEPLOYMENT, namespace, None)


async def watch(caller: Caller, workload: Workload, namespace: str | None) -> None:
    async with caller.api.watch(DEPLOYMENT, namespace, workload.resource_version, 60):
        pass


async def read(caller: Caller, workload: Workload, namespace: str | None) -> None:
    await caller.api.read(a_key("Deployment", namespace or "", "web"))


async def restart(caller: Caller, workload: Workload, namespace: str | None) -> None:
    key = a_key("Deployment", namespace or "", "web")
    await caller.api.restart(_at(workload, key), STAMP)


def _at(workload: Workload, key: ObjectKey) -> Workload:
    names = [name for name in Workload.__slots__ if name != "key"]
    return Workload(key=key, **{name: getattr(workload, name) for name in names})


ALL = [list_, watch, read, restart]


async def a_workload(subject: Subject) -> Workload:
    await subject.create(replicas=0)
    return await subject.api.read(subject.key())


@pytest.mark.parametrize("call", ALL)
async def test_the_documented_role_is_enough_within_its_namespace(subject: Subject, call) -> None:
    workload = await a_workload(subject)
    await call(await subject.worker(), workload, subject.namespace)


@pytest.mark.parametrize("call", ALL)
async def test_the_documented_role_is_denied_elsewhere(subject: Subject, call) -> None:
    workload = await a_workload(subject)
    with pytest.raises(ClusterDenied, match=rf'403 Forbidden: .* in the namespace "{ELSEWHERE}"'):
        await call(await subject.worker(), workload, ELSEWHERE)


@pytest.mark.parametrize("call", [list_, watch])
async def test_a_role_of_one_namespace_is_denied_the_whole_cluster(subject: Subject, call) -> None:
    workload = await a_workload(subject)
    with pytest.raises(ClusterDenied, match=r"403 Forbidden: .* at the cluster scope"):
        await call(await subject.worker(), workload, None)


@pytest.mark.parametrize("call", ALL)
async def test_a_token_that_is_none_is_denied(subject: Subject, call) -> None:
    workload = await a_workload(subject)
    with pytest.raises(ClusterDenied, match=r"401 Unauthorized"):
        await call(await subject.stranger(), workload, subject.namespace)


@pytest.mark.parametrize("code", [403, 422])
async def test_what_an_admission_policy_denies_is_refused_for_good(subject: Subject, code: int) -> None:
    workload = await a_workload(subject)
    async with subject.refusing_patches(code):
        with pytest.raises(ClusterRefused, match=rf"{code} .* denied request: on purpose"):
            await subject.api.restart(workload, STAMP)
    assert await subject.api.read(subject.key()) == workload


async def test_marks_that_make_the_annotations_too_many_are_refused_for_good(subject: Subject) -> None:
    await subject.create(replicas=0, annotations={"much": "x" * 262_100})
    workload = await subject.api.read(subject.key())
    with pytest.raises(ClusterRefused, match=r"422 Invalid: .*may not be more than 262144 bytes"):
        await subject.api.restart(workload, STAMP)
