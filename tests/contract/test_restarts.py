"""The one change that krt makes: what it changes, what it does not, and when it is refused."""

from typing import Any

import pytest
import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import CAUSE, MARK, RESTARTED_AT
from krt.core.ports.workloads import Stamp
from krt.errors import Conflict, NotThere
from tests.contract.differences import changed
from tests.contract.subject import Subject

FIRST = Stamp(
    "2026-01-01T00:00:00.000001Z", "journal 1-0 2026-01-01T00:00:00.000001Z", "acme/shop refs/heads/main", EventId(1, 0)
)
SECOND = Stamp(
    "2026-01-01T00:00:05.000002Z", "journal 2-0 2026-01-01T00:00:05.000002Z", "acme/shop refs/heads/main", EventId(2, 0)
)
FIELD = ("f:spec", "f:template", "f:metadata", "f:annotations", f"f:{RESTARTED_AT}")


def owners(document: Any, *path: str) -> list[str]:
    """Who holds that field, by managedFields."""
    found = []
    for entry in document["metadata"]["managedFields"]:
        tree = entry["fieldsV1"]
        for name in path:
            tree = tree.get(name) if tree is not None else None
        if tree is not None:
            found.append(entry["manager"])
    return found


async def test_a_restart_changes_the_time_and_the_marks_and_what_the_server_keeps(subject: Subject) -> None:
    before = await subject.create(replicas=2, annotations={"a": "b"}, minReadySeconds=1)
    restarted = await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    after = await subject.get()
    assert changed(before, after) == {
        ("metadata", "annotations", MARK),
        ("metadata", "annotations", CAUSE),
        ("spec", "template", "metadata", "annotations", RESTARTED_AT),
        ("metadata", "generation"),
        ("metadata", "managedFields"),
        ("metadata", "resourceVersion"),
    }
    assert restarted.resource_version == after["metadata"]["resourceVersion"]


async def test_what_a_restart_answers_is_what_is_read_afterwards(subject: Subject) -> None:
    await subject.create(replicas=0)
    restarted = await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    assert restarted == await subject.api.read(subject.key())
    assert (restarted.restarted_at, restarted.mark) == (FIRST.restarted_at, FIRST.mark)


async def test_the_marks_and_the_template_count_as_one_generation(subject: Subject) -> None:
    await subject.create(replicas=0)
    first = await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    second = await subject.api.restart(first, SECOND)
    assert (first.generation, second.generation) == (2, 3)


async def test_the_same_restart_again_changes_nothing_not_even_the_version(subject: Subject) -> None:
    await subject.create(replicas=0)
    first = await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    assert await subject.api.restart(first, FIRST) == first


async def test_a_restart_of_an_older_version_is_a_conflict_and_changes_nothing(subject: Subject) -> None:
    await subject.create(replicas=0)
    seen = await subject.api.read(subject.key())
    await subject.patch({"metadata": {"labels": {"a": "b"}}})
    before = await subject.get()
    with pytest.raises(Conflict, match="409 Conflict: Operation cannot be fulfilled"):
        await subject.api.restart(seen, FIRST)
    assert await subject.get() == before


async def test_a_restart_that_was_done_already_is_a_conflict_for_whoever_did_not_hear_of_it(subject: Subject) -> None:
    await subject.create(replicas=0)
    seen = await subject.api.read(subject.key())
    await subject.api.restart(seen, FIRST)
    with pytest.raises(Conflict):
        await subject.api.restart(seen, FIRST)


async def test_a_restart_of_a_deleted_workload_finds_it_gone(subject: Subject) -> None:
    await subject.create(replicas=0)
    seen = await subject.api.read(subject.key())
    await subject.delete()
    with pytest.raises(NotThere):
        await subject.api.restart(seen, FIRST)


async def test_a_recreated_workload_is_not_restarted_in_the_place_of_the_old_one(subject: Subject) -> None:
    await subject.create(replicas=0)
    seen = await subject.api.read(subject.key())
    await subject.delete()
    await subject.create(replicas=0)
    with pytest.raises(Conflict):
        await subject.api.restart(seen, FIRST)
    assert (await subject.api.read(subject.key())).uid != seen.uid


async def test_the_time_is_krts_in_managed_fields_until_somebody_else_writes_it(subject: Subject) -> None:
    await subject.create(replicas=0)
    await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    assert owners(await subject.get(), *FIELD) == ["krt"]
    by_hand = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "2026-02-02T00:00:00Z"}}}}}
    assert owners(await subject.patch(by_hand, manager="kubectl-rollout"), *FIELD) == ["kubectl-rollout"]


async def test_whoever_takes_the_time_back_leaves_the_mark(subject: Subject) -> None:
    """So a mark counts only while the time that it names is in force."""
    await subject.create(replicas=0)
    await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    await subject.patch({"spec": {"template": {"metadata": {"annotations": None}}}}, manager="argocd")
    reverted = await subject.api.read(subject.key())
    assert (reverted.restarted_at, reverted.mark) == (None, FIRST.mark)
    assert owners(await subject.get(), *FIELD) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"spec": {"template": {"metadata": {"annotations": None}}}}, ""),
        ({"spec": {"replicas": 1, "template": {"metadata": {"annotations": None}}}}, "argocd"),
    ],
    ids=["only taken back", "something else written too"],
)
async def test_who_wrote_after_krt_is_named_as_far_as_managed_fields_tell(
    subject: Subject, change: dict[str, Any], named: str
) -> None:
    """Whoever only takes fields away is not in them; then nobody is named, and above all not who created it."""
    await subject.create(replicas=0)
    await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    await trio.sleep(1.1)  # their times are in whole seconds
    await subject.patch(change, manager="argocd")
    assert (await subject.api.read(subject.key())).last_manager == named


async def test_a_paused_workload_stays_paused(subject: Subject) -> None:
    await subject.create(replicas=0, paused=True)
    restarted = await subject.api.restart(await subject.api.read(subject.key()), FIRST)
    assert restarted.paused
    assert restarted.restarted_at == FIRST.restarted_at
