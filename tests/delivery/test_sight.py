"""What is known of one object: the newest of what the watch and krt's own writes say."""

from typing import Any

from krt.cluster.metadata import ObjectVersion, whole_reader
from krt.core.kube.restartable import DEPLOYMENT
from krt.delivery.sight import Sight, sight_of

KEY = DEPLOYMENT.key("shop", "web")


def a_version(number: int, uid: str = "u") -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web", "uid": uid, "resourceVersion": str(number)}}


def a_sight() -> tuple[Sight, list[int]]:
    rung: list[int] = []
    return sight_of(whole_reader(DEPLOYMENT), "shop", "web", lambda: rung.append(1)), rung


def seen(number: int, uid: str = "u") -> ObjectVersion:
    return ObjectVersion(KEY, str(number), a_version(number, uid))


async def written(number: int) -> dict[str, Any]:
    return a_version(number)


async def test_a_watch_that_lags_behind_an_own_write_changes_nothing() -> None:
    """Seen to fail with an older version taken over."""
    sight, rung = a_sight()
    sight.put(seen(9))
    await sight.take(written(11))
    sight.put(seen(10))
    assert sight.body == a_version(11)
    assert len(rung) == 2
    sight.put(seen(12))
    assert sight.body == a_version(12)


def test_an_object_that_was_made_anew_counts_whatever_its_version() -> None:
    sight, _ = a_sight()
    sight.put(seen(9))
    sight.put(seen(3, uid="v"))
    assert sight.body == a_version(3, uid="v")


async def test_a_deletion_during_a_write_is_not_undone_by_its_answer() -> None:
    """Seen to fail with the answer taken over whatever the watch has said."""
    sight, _ = a_sight()
    sight.put(seen(9))

    async def write() -> dict[str, Any]:
        sight.remove(KEY)
        return a_version(10)

    await sight.take(write())
    assert sight.body is None


def test_a_list_without_the_object_removes_it_and_one_with_it_does_not() -> None:
    sight, rung = a_sight()
    sight.put(seen(9))
    sight.retain(DEPLOYMENT, "shop", {KEY})
    assert KEY in sight
    sight.retain(DEPLOYMENT, "shop", set())
    assert KEY not in sight
    assert len(rung) == 2
