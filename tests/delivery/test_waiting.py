"""A wait for applied objects ends with the first failure, whatever the API server says after it."""

from types import SimpleNamespace
from typing import Any

import pytest

from krt.cluster.objects import Body
from krt.core.delivery.ownership import Owner
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import DEPLOYMENT
from krt.core.report.action import Action
from krt.delivery.progress import Progress
from krt.delivery.waiting import Awaited, UntilCurrent, _ask
from krt.errors import ClusterDenied, NotThere

KEY = DEPLOYMENT.key("shop", "web")
EXCEEDED = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
GOES_ON = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "is progressing"}
MADE = {"replicas": 1, "updatedReplicas": 1}


def a_version(*conditions: dict[str, str], **status: int) -> Body:
    metadata = {"namespace": "shop", "name": "web", "uid": "u", "generation": 1}
    told = {"observedGeneration": 1, "conditions": list(conditions), **status}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 1},
        "status": told,
    }


READY = a_version(GOES_ON, availableReplicas=1, **MADE)


def a_wait(*bodies: Body) -> tuple[UntilCurrent, Progress, list[ObjectKey]]:
    ended: list[ObjectKey] = []
    progress = Progress(Owner("Bundle", "shop"), lambda _: None, is_dry_run=False)
    awaited = [Awaited(KEY, DEPLOYMENT, bodies[0])]
    waiting = UntilCurrent(awaited, progress, {}, lambda key, _: ended.append(key))
    for body in bodies:
        waiting.judge(KEY, body)
    return waiting, progress, ended


@pytest.mark.parametrize(
    "later",
    [
        (a_version(GOES_ON, **MADE),),
        (a_version(),),
        (a_version(GOES_ON, availableReplicas=1, **MADE),),
        (a_version(GOES_ON), a_version(GOES_ON, availableReplicas=1, **MADE)),
        ({**a_version(GOES_ON), "metadata": {"namespace": "shop", "name": "web", "uid": "u", "generation": 2}},),
    ],
    ids=["goes-on", "says-nothing", "ready", "goes-on-to-ready", "changed"],
)
async def test_after_a_failure_no_version_counts(later: tuple[Any, ...]) -> None:
    """Seen to fail: the run found no failure any more, and went on with the next cluster as if all were ready."""
    waiting, progress, ended = a_wait(a_version(), a_version(EXCEEDED), *later)
    assert waiting.failed.is_set()
    assert progress.has_failed()
    assert ended == []


async def test_after_a_failure_its_reason_stays() -> None:
    """Seen to fail: "timed out" became "somebody has deleted it"."""
    waiting, progress, _ = a_wait(a_version(), a_version(EXCEEDED))
    waiting.vanish(KEY)
    waiting.deny(KEY, "krt may neither watch nor read it")
    assert progress.reason_of(KEY, Action.APPLY) == "timed out"


@pytest.mark.parametrize(
    "answer",
    [a_version(GOES_ON), a_version(EXCEEDED), a_version(), NotThere("gone"), ClusterDenied("no")],
    ids=["older", "failed", "nothing", "gone", "denied"],
)
async def test_an_answer_that_comes_after_the_end_was_seen_counts_no_more(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """krt asks where it may not watch; the denial may pass. Seen to fail: KeyError, or a ready object was not ready."""
    waiting, progress, ended = a_wait(a_version())

    async def read(*_: object) -> Body:
        waiting.judge(KEY, READY)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    monkeypatch.setattr("krt.delivery.waiting.objects.read", read)
    watching: Any = SimpleNamespace(waiting=waiting, transport=None)
    scope: Any = SimpleNamespace(resource=DEPLOYMENT)
    await _ask(watching, scope, KEY)
    assert (ended, progress.is_ready(KEY, Action.APPLY), waiting.failed.is_set()) == ([KEY], True, False)


async def test_until_then_each_version_counts() -> None:
    waiting, progress, ended = a_wait(a_version(), a_version(GOES_ON, **MADE), READY)
    assert (waiting.failed.is_set(), progress.has_failed(), ended) == (False, False, [KEY])
