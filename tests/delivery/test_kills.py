"""A run that is killed at any step, and the same command again: every restart is made once, and none is lost (H21)."""

import base64
from dataclasses import dataclass
from signal import SIGKILL

import pytest

from krt.core.delivery.pending_restarts import RESTART_PENDING
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment
from tests.apiserver.pods import Ready, Unready
from tests.delivery.commands import SECRET, Desk
from tests.fakes.faults import Half, Late, Silence
from tests.fakes.polling import until_on_trio_clock

pytestmark = pytest.mark.apiserver

TARGETS = ["deployment/a", "deployment/b"]
APPLY, TAKE_OFF = rf"PATCH .*/secrets/{SECRET}\?.*force=true", rf"PATCH .*/secrets/{SECRET}\?(?!.*force=)"


@dataclass(frozen=True)
class Step:
    """The process is killed at a request: before the API server gets it, or after the server has done it.

    `skipped` requests of this kind come before.
    """

    name: str
    request: str
    is_done: bool = False
    skipped: int = 0

    def __str__(self) -> str:
        return self.name


STEPS = (
    Step("before the Secret is read", rf"GET .*/secrets/{SECRET}$"),
    Step("before the Secret is listed", r"GET .*/secrets\?.*fieldSelector(?!.*watch=true)"),
    Step("before the first target is listed", r"GET .*/deployments\?.*fieldSelector(?!.*watch=true)"),
    Step("before the Secret is written", APPLY),
    Step("after the Secret was written", APPLY, is_done=True),
    Step("before the first target is restarted", r"PATCH .*/deployments/a\?"),
    Step("after the first target was restarted", r"PATCH .*/deployments/a\?", is_done=True),
    Step("before the second target is restarted", r"PATCH .*/deployments/b\?"),
    Step("after the second target was restarted", r"PATCH .*/deployments/b\?", is_done=True),
    Step("before the first target leaves the list", TAKE_OFF),
    Step("after the first target has left the list", TAKE_OFF, is_done=True),
    Step("before the second target leaves the list", TAKE_OFF, skipped=1),
    Step("after the second target has left the list", TAKE_OFF, is_done=True, skipped=1),
)


async def check_end(desk: Desk, content: bytes) -> None:
    """Run the command again: everything is right, and each target was restarted once."""
    again = await desk.run("apply", restart_targets=TARGETS)
    assert again.code == 0, again
    secret = await desk.secret()
    assert base64.b64decode(secret["data"]["dist.tgz"]) == content
    assert RESTART_PENDING not in secret["metadata"]["annotations"]
    assert await desk.restarts() == {"a": 1, "b": 1}
    record = desk.record()
    assert (record["status"], record["outputs"]["bundle_sha256"]) == (
        "ok",
        secret["metadata"]["annotations"]["hyops.bundle-sha256"],
    )


async def two_deployments(desk: Desk) -> None:
    await desk.server.apply(*(a_deployment(name, namespace=desk.namespace) for name in "ab"))
    waited = await desk.server.kubectl("-n", desk.namespace, "wait", "--for=condition=Available", "deployment", "--all")
    assert waited.code == 0, waited


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_run_killed_at_a_request_is_continued(desk: Desk, kubelet: Kubelet, step: Step) -> None:
    await two_deployments(desk)
    faults = desk.proxy.faults
    if step.skipped:
        faults.on(step.request, Late(0), times=step.skipped)
    faults.on(step.request, Half(0, held=True) if step.is_done else Silence())
    async with desk.running("apply", restart_targets=TARGETS) as run:
        await faults.wait_request(step.request, count=1 + step.skipped)
        if step.is_done:
            await desk.proxy.held.wait_value(lambda number: number > 0)
        run.signal(SIGKILL)
        await run.ended()
    faults.mend()
    await check_end(desk, b"one")


@pytest.mark.parametrize("seen", ["a: progressing", "b: progressing"])
async def test_a_run_killed_while_it_waits_is_continued(desk: Desk, kubelet: Kubelet, seen: str) -> None:
    await two_deployments(desk)
    for name in "ab" if "a:" in seen else "b":
        kubelet.decide(Unready(), app=name)
    async with desk.running("apply", restart_targets=TARGETS) as run:
        await until_on_trio_clock(lambda: f"Deployment {desk.namespace}/{seen}" in run.err)
        run.signal(SIGKILL)
        await run.ended()
    assert desk.record()["status"] == "running"
    kubelet.decide(Ready())
    await check_end(desk, b"one")
